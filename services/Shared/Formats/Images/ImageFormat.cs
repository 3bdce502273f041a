namespace Brownian.Formats.Images;

/// <summary>The file formats of images.</summary>
public enum ImageFormat
{
    /// <summary>Lossless.</summary>
    Png,

    /// <summary>Lossy, by quality.</summary>
    Jpeg,

    /// <summary>Lossy, by quality.</summary>
    Webp,
}
