using Brownian.Diffusion.Noise;
using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>What a denoising run came to.</summary>
/// <param name="Latents">[1, channels, height, width], before the division by the scaling factor.</param>
/// <param name="InitialLatents">The first noise, before it was scaled; the <see cref="DenoiseTask.StartLatents"/> where the run began from
/// those.</param>
/// <param name="Timesteps">The timestep of every model call.</param>
/// <param name="Sigmas">The scheduler's noise levels; empty where it has none.</param>
/// <param name="GeneratorState">The generator at the end, as <see cref="INoiseGenerator.Save"/> writes it, for a run that goes on drawing from
/// there.</param>
public sealed record DenoiseResult(
    Tensor Latents, Tensor InitialLatents, IReadOnlyList<float> Timesteps, IReadOnlyList<float> Sigmas, byte[] GeneratorState)
{
    /// <summary>
    /// The image's latents as the run drew and scaled them, [1, channels, height, width]; the small image of a super-resolution with its own
    /// channels; null where there was no image.
    /// </summary>
    public Tensor? ImageLatents { get; init; }

    /// <summary>The same of the image without what the mask covers.</summary>
    public Tensor? MaskedImageLatents { get; init; }
}
