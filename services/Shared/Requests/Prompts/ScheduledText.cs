namespace Brownian.Requests.Prompts;

/// <summary>The prompt of a range of steps.</summary>
/// <param name="LastStep">The last step, counted from 1; the range begins after the previous entry's.</param>
/// <param name="Text">The prompt, in which attention is not parsed yet.</param>
public sealed record ScheduledText(int LastStep, string Text);
