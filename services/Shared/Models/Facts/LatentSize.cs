namespace Brownian.Models.Facts;

/// <summary>A size in latents.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public sealed record LatentSize(int Height, int Width);
