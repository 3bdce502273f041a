namespace Brownian.Models.Plans;

/// <summary>An additional input of a denoiser's graph.</summary>
/// <param name="Input">The name of the graph's input.</param>
/// <param name="Value">A constant value of the input; null when the value comes from an input of the stage.</param>
/// <param name="From">The stage's input, with one value for all images or one per image.</param>
/// <param name="Negative">The stage's input for the unconditional pass; null for the same value.</param>
public sealed record ExtraInput(string Input, double? Value = null, string? From = null, string? Negative = null);
