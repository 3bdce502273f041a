namespace Brownian.Formats.Tensors;

/// <summary>The modes of PyTorch's <c>interpolate</c>, which determine how new values are computed.</summary>
public enum InterpolationMode
{
    /// <summary>The value at the position times the scale, rounded down.</summary>
    Nearest,

    /// <summary>The two neighbours along each axis, weighted by distance.</summary>
    Bilinear,

    /// <summary>Keys' cubic kernel over four neighbours along each axis.</summary>
    Bicubic,

    /// <summary>The mean of every old value that the new one covers.</summary>
    Area,
}
