namespace Brownian.Inference.Stages;

/// <summary>How pictures go through an upscaler's graph.</summary>
/// <param name="Tile">As of <see cref="Engines.IImageUpscaler.UpscaleAsync"/>.</param>
/// <param name="Overlap">As of <see cref="Engines.IImageUpscaler.UpscaleAsync"/>.</param>
public sealed record UpscaleSettings(int? Tile, int Overlap);
