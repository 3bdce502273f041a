namespace Brownian.Models.Plans;

/// <summary>What a denoiser's graph takes beside the usual inputs.</summary>
/// <param name="Input">The graph's input.</param>
/// <param name="Value">A number that it always has; null where the stage has an input for it.</param>
/// <param name="From">The stage's input; one for all images, or one an image.</param>
/// <param name="Negative">The stage's input for the pass without the prompt; null for the same.</param>
public sealed record ExtraInput(string Input, double? Value = null, string? From = null, string? Negative = null);
