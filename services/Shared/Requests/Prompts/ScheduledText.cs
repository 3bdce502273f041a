namespace Brownian.Requests.Prompts;

/// <summary>The prompt for some steps.</summary>
/// <param name="LastStep">The last step it is for, the first step of a run being 1; it begins after the one before it in the list.</param>
/// <param name="Text">The prompt. Attention is still to be read in it.</param>
public sealed record ScheduledText(int LastStep, string Text);
