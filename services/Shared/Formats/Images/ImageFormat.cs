namespace Brownian.Formats.Images;

/// <summary>The file formats of images.</summary>
public enum ImageFormat
{
    /// <summary>Lossless.</summary>
    Png,

    /// <summary>Lossy, with a quality setting.</summary>
    Jpeg,

    /// <summary>Lossy, with a quality setting.</summary>
    Webp,
}
