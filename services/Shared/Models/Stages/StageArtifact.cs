namespace Brownian.Models.Stages;

/// <summary>An image's file.</summary>
/// <param name="Index">The image's place in the request, from 0.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Width">The width in pixels.</param>
/// <param name="Height">The height in pixels.</param>
/// <param name="MediaType">For example <c>image/png</c>.</param>
/// <param name="Bytes">The file.</param>
public sealed record StageArtifact(int Index, ulong Seed, int Width, int Height, string MediaType, byte[] Bytes);
