using Brownian.Formats.Tensors;
using Brownian.Models.Plans;
using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>A ControlNet of a run: its control image, its scale and the part of the run that it applies to.</summary>
public sealed record ControlCondition
{
    /// <summary>The ControlNet.</summary>
    public required ControlNetReference Net { get; init; }

    /// <summary>
    /// The control image of [1, 3, height, width] in pixels, RGB in [0, 1]. Its size is the latents' size times the VAE's pixels per latent.
    /// </summary>
    public required Tensor Image { get; init; }

    /// <summary>See <see cref="ControlSettings.Scale"/>.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>See <see cref="ControlSettings.Start"/>.</summary>
    public double Start { get; init; }

    /// <summary>See <see cref="ControlSettings.End"/>.</summary>
    public double End { get; init; } = 1;

    /// <summary>See <see cref="ControlSettings.GuessMode"/>.</summary>
    public bool GuessMode { get; init; }

    /// <summary>Returns the scale at one evaluation (<c>controlnet_keep</c> of the reference's pipelines).</summary>
    /// <param name="evaluation">The evaluation, from 0.</param>
    /// <param name="evaluations">The number of evaluations of the whole run, without those that a starting image replaces.</param>
    /// <returns><see cref="Scale"/>, or 0 outside the range from <see cref="Start"/> to <see cref="End"/>.</returns>
    public double ScaleAt(int evaluation, int evaluations) =>
        (double)evaluation / evaluations < Start || (double)(evaluation + 1) / evaluations > End ? 0 : Scale;
}
