namespace Brownian.Diffusion.Guidance;

/// <summary>
/// Guidance by a prompt and a picture (Brooks et al., InstructPix2Pix, 2023; <c>pipeline_stable_diffusion_instruct_pix2pix.py</c>).
/// </summary>
public static class ImageGuidance
{
    /// <summary>Combines three predictions: <c>none + g (both - image) + h (image - none)</c>.</summary>
    /// <param name="both">With prompt and image.</param>
    /// <param name="image">With the image alone.</param>
    /// <param name="none">Without either.</param>
    /// <param name="scale">g, of the prompt.</param>
    /// <param name="imageScale">h, of the image.</param>
    /// <param name="destination">As long; may be one of the sources.</param>
    public static void Combine(
        ReadOnlySpan<float> both, ReadOnlySpan<float> image, ReadOnlySpan<float> none, float scale, float imageScale, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = none[i] + scale * (both[i] - image[i]) + imageScale * (image[i] - none[i]);
        }
    }
}
