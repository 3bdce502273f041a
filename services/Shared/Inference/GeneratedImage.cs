using Brownian.Inference.Engines;
using Brownian.Inference.Images;

namespace Brownian.Inference;

/// <summary>A picture of a request, and what was computed on the way.</summary>
/// <param name="Index">Its place in the request, from 0.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Pixels">The picture.</param>
/// <param name="Denoised">Latents and timesteps.</param>
/// <param name="Prompt">The encoded prompt.</param>
/// <param name="Negative">The encoded negative prompt; null without guidance.</param>
public sealed record GeneratedImage(int Index, ulong Seed, PixelImage Pixels, DenoiseResult Denoised, TextEncoding Prompt, TextEncoding? Negative);
