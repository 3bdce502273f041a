namespace Brownian.Models.Plans;

/// <summary>How images go through an upscaler's graph.</summary>
/// <param name="Tile">
/// The side of tiles in the image's pixels; 0 for none, null for the engine's. Where tiles that overlap as far as the graph looks need more, they
/// are larger.
/// </param>
/// <param name="Overlap">How many of the image's pixels neighbours have in common at least; more where the graph looks farther.</param>
public sealed record UpscaleSettings(int? Tile, int Overlap);
