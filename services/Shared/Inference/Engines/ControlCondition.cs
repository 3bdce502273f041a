using Brownian.Formats.Tensors;
using Brownian.Models.Plans;
using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>A ControlNet beside a run: what it is shown, and how much and when it is heard.</summary>
public sealed record ControlCondition
{
    /// <summary>Which one.</summary>
    public required ControlNetReference Net { get; init; }

    /// <summary>[1, 3, height, width] in pixels, RGB in [0, 1]; so many times the latents' size as the VAE makes pixels of a latent.</summary>
    public required Tensor Image { get; init; }

    /// <summary>As of <see cref="ControlSettings.Scale"/>.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>As of <see cref="ControlSettings.Start"/>.</summary>
    public double Start { get; init; }

    /// <summary>As of <see cref="ControlSettings.End"/>.</summary>
    public double End { get; init; } = 1;

    /// <summary>As of <see cref="ControlSettings.GuessMode"/>.</summary>
    public bool GuessMode { get; init; }

    /// <summary>The scale at one evaluation (<c>controlnet_keep</c> of the reference's pipelines).</summary>
    /// <param name="evaluation">From 0.</param>
    /// <param name="evaluations">Of the whole run, without those that the image it begins at stands for.</param>
    /// <returns><see cref="Scale"/>, or 0 outside of the window.</returns>
    public double ScaleAt(int evaluation, int evaluations) =>
        (double)evaluation / evaluations < Start || (double)(evaluation + 1) / evaluations > End ? 0 : Scale;
}
