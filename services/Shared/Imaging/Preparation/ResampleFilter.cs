namespace Brownian.Imaging.Preparation;

/// <summary>The filter that weights old pixels for a new one: Pillow's <c>Image.Resampling</c>.</summary>
public enum ResampleFilter
{
    /// <summary>The old pixel at the new pixel's center.</summary>
    Nearest,

    /// <summary>The mean of the old pixels that the new one covers.</summary>
    Box,

    /// <summary>A triangle of radius 1.</summary>
    Bilinear,

    /// <summary>A Hamming window of radius 1.</summary>
    Hamming,

    /// <summary>Keys' cubic with a = -0.5, radius 2.</summary>
    Bicubic,

    /// <summary>A sinc windowed by a wider sinc, radius 3.</summary>
    Lanczos,
}
