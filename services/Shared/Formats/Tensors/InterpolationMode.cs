namespace Brownian.Formats.Tensors;

/// <summary>How new values are made from old ones: the modes of PyTorch's <c>interpolate</c>.</summary>
public enum InterpolationMode
{
    /// <summary>The value at the position times the scale, cut.</summary>
    Nearest,

    /// <summary>The two neighbours along each axis, by distance.</summary>
    Bilinear,

    /// <summary>Keys' cubic over four neighbours along each axis.</summary>
    Bicubic,

    /// <summary>The mean of every old value that is touched.</summary>
    Area,
}
