namespace Brownian.Models.Plans;

/// <summary>How images are processed by an upscaler's graph.</summary>
/// <param name="Tile">
/// The side of tiles in pixels of the input image; 0 for no tiles, null for the engine's default. Tiles are enlarged when an overlap of the graph's
/// receptive field needs it.
/// </param>
/// <param name="Overlap">
/// The minimum number of input pixels that neighboring tiles share. The overlap is larger when the graph's receptive field is larger.
/// </param>
public sealed record UpscaleSettings(int? Tile, int Overlap);
