using Brownian.Inference.Adapters;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>A ControlNet beside a run: what it is shown, and how much and when it is heard.</summary>
public sealed record ControlCondition
{
    /// <summary>Which one.</summary>
    public required ControlNetReference Net { get; init; }

    /// <summary>[1, 3, height, width] in pixels, RGB in [0, 1]; so many times the latents' size as the VAE makes pixels of a latent.</summary>
    public required Tensor Image { get; init; }

    /// <summary>What is said is multiplied with it; finite. With 0 the graph is not run.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>The share of the run's evaluations before which it is not heard, 0 and above, below <see cref="End"/>.</summary>
    public double Start { get; init; }

    /// <summary>The share of the run's evaluations after which it is not heard, up to 1.</summary>
    public double End { get; init; } = 1;

    /// <summary>
    /// Whether the prompt's pass alone hears it, and the higher layers less than the deeper ones: it then follows the picture even without a
    /// prompt (the guess mode of L. Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", 2023).
    /// </summary>
    public bool GuessMode { get; init; }

    /// <summary>The scale at one evaluation (<c>controlnet_keep</c> of the reference's pipelines).</summary>
    /// <param name="evaluation">From 0.</param>
    /// <param name="evaluations">Of the whole run, without those that the picture it begins at stands for.</param>
    /// <returns><see cref="Scale"/>, or 0 outside of the window.</returns>
    public double ScaleAt(int evaluation, int evaluations) =>
        (double)evaluation / evaluations < Start || (double)(evaluation + 1) / evaluations > End ? 0 : Scale;
}
