namespace Brownian.Models.Facts;

/// <summary>A height and a width in latents.</summary>
/// <param name="Height">The number of rows.</param>
/// <param name="Width">The number of columns.</param>
public sealed record LatentSize(int Height, int Width);
