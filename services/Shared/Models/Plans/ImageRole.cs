using System.Text.Json.Serialization;

namespace Brownian.Models.Plans;

/// <summary>How a run uses an input image.</summary>
public enum ImageRole
{
    /// <summary>
    /// The run starts from the image. With a mask, everything outside it keeps the image: image to image, and inpainting with any model.
    /// </summary>
    Begin,

    /// <summary>As <see cref="Begin"/>. The model also receives the mask and the masked image, as five additional channels.</summary>
    Inpaint,

    /// <summary>The model is conditioned on the image through four additional channels, and the run starts from noise: instruct-pix2pix.</summary>
    Guide,

    /// <summary>
    /// Super-resolution: the small image is resized to the run's size and passed to the model as additional channels. The run starts from noise, or
    /// from the original of the small image.
    /// </summary>
    [JsonStringEnumMemberName("enlarge")]
    Upscale,
}
