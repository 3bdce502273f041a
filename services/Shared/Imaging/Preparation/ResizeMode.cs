namespace Brownian.Imaging.Preparation;

/// <summary>How an image with another aspect ratio than the requested one is resized: diffusers' <c>resize_mode</c>.</summary>
public enum ResizeMode
{
    /// <summary><c>default</c>: the image is stretched.</summary>
    Stretch,

    /// <summary><c>fill</c>: the whole image is visible, and its edges are extended over the rest.</summary>
    Fill,

    /// <summary><c>crop</c>: the image covers the whole area, and anything outside it is cropped.</summary>
    Crop,
}
