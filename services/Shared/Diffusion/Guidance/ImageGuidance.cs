namespace Brownian.Diffusion.Guidance;

/// <summary>Guidance by a prompt and an image (Brooks et al., InstructPix2Pix, 2023; <c>pipeline_stable_diffusion_instruct_pix2pix.py</c>).</summary>
public static class ImageGuidance
{
    /// <summary>Combines three predictions: <c>none + g (both - image) + h (image - none)</c>.</summary>
    /// <param name="both">The prediction with prompt and image.</param>
    /// <param name="image">The prediction with the image alone.</param>
    /// <param name="none">The prediction without either.</param>
    /// <param name="scale">g, the guidance scale of the prompt.</param>
    /// <param name="imageScale">h, the guidance scale of the image.</param>
    /// <param name="destination">Has the same length; may be one of the sources.</param>
    public static void Combine(
        ReadOnlySpan<float> both, ReadOnlySpan<float> image, ReadOnlySpan<float> none, float scale, float imageScale, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = none[i] + scale * (both[i] - image[i]) + imageScale * (image[i] - none[i]);
        }
    }
}
