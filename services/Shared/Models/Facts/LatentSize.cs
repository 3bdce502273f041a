namespace Brownian.Models.Facts;

/// <summary>A height and a width in latents.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public sealed record LatentSize(int Height, int Width);
