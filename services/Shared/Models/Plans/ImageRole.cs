namespace Brownian.Models.Plans;

/// <summary>What an image is to a run.</summary>
public enum ImageRole
{
    /// <summary>Where it begins, and with a mask what stays outside of it: image to image, and inpainting with any model.</summary>
    Begin,

    /// <summary>As <see cref="Begin"/>; the model is also given the mask and the image without what it covers, as five channels more.</summary>
    Inpaint,

    /// <summary>What the model looks at, as four channels more; the run begins at noise: instruct-pix2pix.</summary>
    Guide,

    /// <summary>
    /// The small image that is made larger, at the run's size and with channels of its own: super-resolution. The run begins at noise, or at
    /// the small image's original.
    /// </summary>
    Enlarge,
}
