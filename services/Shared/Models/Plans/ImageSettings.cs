using Brownian.Models.Facts;

namespace Brownian.Models.Plans;

/// <summary>What an image is to a denoise stage.</summary>
public sealed record ImageSettings
{
    /// <summary>What the image is to the run.</summary>
    public ImageRole Role { get; init; }

    /// <summary>Where the run begins.</summary>
    public DenoiseStart Start { get; init; } = DenoiseStart.NoisedImage;

    /// <summary>Whether the image's latents are scaled already: an earlier denoising left them.</summary>
    public bool IsScaled { get; init; }

    /// <summary>How the VAE's latents become the run's.</summary>
    public LatentScaling Scaling { get; init; } = LatentScaling.None;

    /// <summary>
    /// How latents or pixels of another size are made the run's: <c>nearest</c>, <c>bilinear</c>, <c>bicubic</c>, <c>bilinear-corners</c> (the
    /// outermost
    /// values keep their places) or <c>bicubic-antialias</c>; null where they have its size.
    /// </summary>
    public string? Resize { get; init; }

    /// <summary>Whether pixels are cut to [-1, 1] first.</summary>
    public bool IsClamped { get; init; }

    /// <summary>
    /// Whether what the mask does not cover stays what it was before the evaluation, instead of the image noised anew: the reference's pixel
    /// models (<c>pipeline_if_inpainting.py</c>).
    /// </summary>
    public bool KeepsPrevious { get; init; }

    /// <summary>How the small image is noised; null for not at all.</summary>
    public UpscaleNoise? Noise { get; init; }

    /// <summary>Whether the small image is scaled for the model as the sample is.</summary>
    public bool IsScaledWithSample { get; init; }

    /// <summary>How far to go towards a guiding image, 1 and above.</summary>
    public double GuidanceScale { get; init; } = 1;
}
