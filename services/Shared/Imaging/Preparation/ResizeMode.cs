namespace Brownian.Imaging.Preparation;

/// <summary>What becomes of a picture whose sides are not in the wanted proportion: diffusers' <c>resize_mode</c>.</summary>
public enum ResizeMode
{
    /// <summary><c>default</c>: it is stretched.</summary>
    Stretch,

    /// <summary><c>fill</c>: all of it is shown, and its edges are drawn out over the rest.</summary>
    Fill,

    /// <summary><c>crop</c>: it covers everything, and what sticks out is cut.</summary>
    Crop,
}
