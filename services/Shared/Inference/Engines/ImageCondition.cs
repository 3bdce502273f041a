using Brownian.Formats.Tensors;
using Brownian.Models.Facts;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>An image that a run begins at or is guided by.</summary>
public sealed record ImageCondition
{
    /// <summary>What the image is to the run.</summary>
    public ImageRole Role { get; init; }

    /// <summary>Where the run begins.</summary>
    public DenoiseStart Start { get; init; } = DenoiseStart.NoisedImage;

    /// <summary>
    /// The image's [1, 2 * channels, height, width] moments (mean and logarithm of the variance), from which the run draws its latents, or
    /// [1, channels, height, width] latents; null where nothing of it is used, as for inpainting at full strength with a model made for it. For
    /// <see cref="ImageRole.Enlarge"/> its pixels in [-1, 1].
    /// </summary>
    public Tensor? Image { get; init; }

    /// <summary>
    /// [1, channels, height, width] in [-1, 1]: the image that an enlarging run begins at instead of at noise, with or without a mask
    /// (<c>pipeline_if_img2img_superresolution.py</c>, <c>pipeline_if_inpainting_superresolution.py</c>); null for none.
    /// </summary>
    public Tensor? Original { get; init; }

    /// <summary>Whether the latents of <see cref="Image"/> are scaled already.</summary>
    public bool IsScaled { get; init; }

    /// <summary>
    /// Moments or latents of the image without what the mask covers; drawn from even where the model is not given them, as the reference does.
    /// </summary>
    public Tensor? MaskedImage { get; init; }

    /// <summary>[1, 1, height, width] in latents: 1 where the image is made anew, 0 where it stays.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>How the VAE's latents become the run's.</summary>
    public LatentScaling Scaling { get; init; } = LatentScaling.None;

    /// <summary>As of <see cref="ImageSettings.KeepsPrevious"/>.</summary>
    public bool KeepsPrevious { get; init; }

    /// <summary>As of <see cref="ImageSettings.Noise"/>.</summary>
    public UpscaleNoise? Noise { get; init; }

    /// <summary>As of <see cref="ImageSettings.IsScaledWithSample"/>.</summary>
    public bool IsScaledWithSample { get; init; }

    /// <summary>How far to go towards the image, 1 and above; for <see cref="ImageRole.Guide"/>.</summary>
    public double GuidanceScale { get; init; } = 1;
}
