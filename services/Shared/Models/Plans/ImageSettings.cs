using Brownian.Models.Facts;

namespace Brownian.Models.Plans;

/// <summary>How a denoise stage uses an input image.</summary>
public sealed record ImageSettings
{
    /// <summary>The role of the image.</summary>
    public ImageRole Role { get; init; }

    /// <summary>The starting point of the run.</summary>
    public DenoiseStart Start { get; init; } = DenoiseStart.NoisedImage;

    /// <summary>Whether the image's latents are scaled already because an earlier denoising produced them.</summary>
    public bool IsScaled { get; init; }

    /// <summary>The conversion of the VAE's latents to the run's.</summary>
    public LatentScaling Scaling { get; init; } = LatentScaling.None;

    /// <summary>
    /// How latents or pixels of another size are resized to the run's size: <c>nearest</c>, <c>bilinear</c>, <c>bicubic</c>, <c>bilinear-corners</c>
    /// (the outermost values keep their positions) or <c>bicubic-antialias</c>; null when they have the run's size.
    /// </summary>
    public string? Resize { get; init; }

    /// <summary>Whether pixels are clamped to [-1, 1] first.</summary>
    public bool IsClamped { get; init; }

    /// <summary>
    /// Whether the area outside the mask keeps its values from before the evaluation, instead of being replaced by the image with new noise. The
    /// reference's pixel models do this (<c>pipeline_if_inpainting.py</c>).
    /// </summary>
    public bool KeepsPrevious { get; init; }

    /// <summary>How the small image is noised; null for no noise.</summary>
    public UpscaleNoise? Noise { get; init; }

    /// <summary>Whether the small image is scaled for the model in the same way as the sample.</summary>
    public bool IsScaledWithSample { get; init; }

    /// <summary>The guidance scale of a guiding image, 1 and above.</summary>
    public double GuidanceScale { get; init; } = 1;
}
