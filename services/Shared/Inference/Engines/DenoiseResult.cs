using Brownian.Diffusion.Noise;
using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>The result of a denoising run.</summary>
/// <param name="Latents">[1, channels, height, width], before the division by the scaling factor.</param>
/// <param name="InitialLatents">
/// The initial noise, before it was scaled; the <see cref="DenoiseTask.StartLatents"/> for a run that started from them.
/// </param>
/// <param name="Timesteps">The timestep of every model call.</param>
/// <param name="Sigmas">The scheduler's noise levels; empty for a scheduler without them.</param>
/// <param name="GeneratorState">
/// The generator's state at the end, as <see cref="INoiseGenerator.Save"/> writes it, for a run that continues drawing from it.
/// </param>
public sealed record DenoiseResult(
    Tensor Latents, Tensor InitialLatents, IReadOnlyList<float> Timesteps, IReadOnlyList<float> Sigmas, byte[] GeneratorState)
{
    /// <summary>
    /// The image's latents as the run drew and scaled them, [1, channels, height, width]; for a super-resolution the small image with its own
    /// channels; null without an image.
    /// </summary>
    public Tensor? ImageLatents { get; init; }

    /// <summary>The latents of the masked image; null without a mask.</summary>
    public Tensor? MaskedImageLatents { get; init; }
}
