namespace Brownian.Models.Plans;

/// <summary>One of the prompts that guide a run together.</summary>
/// <param name="Weight">The weight of the prompt.</param>
/// <param name="Steps">Its texts, in order.</param>
public sealed record PromptGuide(double Weight, IReadOnlyList<PromptStep> Steps);
