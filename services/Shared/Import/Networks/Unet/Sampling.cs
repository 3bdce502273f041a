namespace Brownian.Import.Networks.Unet;

/// <summary>How a residual block changes the size of its feature maps.</summary>
internal enum Sampling
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>To half the width and height.</summary>
    Down,

    /// <summary>To twice the width and height.</summary>
    Up,
}
