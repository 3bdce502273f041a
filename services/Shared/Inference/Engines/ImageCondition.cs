using Brownian.Formats.Tensors;
using Brownian.Models.Facts;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>An image that a run starts from or is guided by.</summary>
public sealed record ImageCondition
{
    /// <summary>The role of the image.</summary>
    public ImageRole Role { get; init; }

    /// <summary>The starting point of the run.</summary>
    public DenoiseStart Start { get; init; } = DenoiseStart.NoisedImage;

    /// <summary>
    /// The image's moments of [1, 2 * channels, height, width] (mean and logarithm of the variance), from which the run draws its latents, or latents
    /// of [1, channels, height, width]; null when they are not used, as for inpainting at full strength with an inpainting model. For
    /// <see cref="ImageRole.Upscale"/> the image's pixels in [-1, 1].
    /// </summary>
    public Tensor? Image { get; init; }

    /// <summary>
    /// [1, channels, height, width] in [-1, 1]: the image that a super-resolution run starts from instead of noise, with or without a mask
    /// (<c>pipeline_if_img2img_superresolution.py</c>, <c>pipeline_if_inpainting_superresolution.py</c>); null for none.
    /// </summary>
    public Tensor? Original { get; init; }

    /// <summary>Whether the latents of <see cref="Image"/> are scaled already.</summary>
    public bool IsScaled { get; init; }

    /// <summary>
    /// Moments or latents of the masked image. Latents are drawn from them even when the model does not receive them, as the reference does.
    /// </summary>
    public Tensor? MaskedImage { get; init; }

    /// <summary>[1, 1, height, width] in latents: 1 where the image is regenerated, 0 where it is kept.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>The conversion of the VAE's latents to the run's.</summary>
    public LatentScaling Scaling { get; init; } = LatentScaling.None;

    /// <summary>See <see cref="ImageSettings.KeepsPrevious"/>.</summary>
    public bool KeepsPrevious { get; init; }

    /// <summary>See <see cref="ImageSettings.Noise"/>.</summary>
    public UpscaleNoise? Noise { get; init; }

    /// <summary>See <see cref="ImageSettings.IsScaledWithSample"/>.</summary>
    public bool IsScaledWithSample { get; init; }

    /// <summary>The guidance scale of the image, 1 and above; for <see cref="ImageRole.Guide"/>.</summary>
    public double GuidanceScale { get; init; } = 1;
}
