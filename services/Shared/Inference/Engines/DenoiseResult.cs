using Brownian.Inference.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>What a denoising run came to.</summary>
/// <param name="Latents">[1, channels, height, width], before the division by the scaling factor.</param>
/// <param name="InitialLatents">The first noise, before it was scaled.</param>
/// <param name="Timesteps">The timestep of every model call.</param>
/// <param name="Sigmas">The scheduler's noise levels; empty where it has none.</param>
public sealed record DenoiseResult(Tensor Latents, Tensor InitialLatents, IReadOnlyList<float> Timesteps, IReadOnlyList<float> Sigmas);
