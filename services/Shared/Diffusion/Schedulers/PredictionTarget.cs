namespace Brownian.Diffusion.Schedulers;

/// <summary>The quantity that a method combines.</summary>
internal enum PredictionTarget
{
    /// <summary>x0.</summary>
    Image,

    /// <summary>ε.</summary>
    Noise,

    /// <summary>ε without thresholding, which UniPC omits.</summary>
    PlainNoise,

    /// <summary>ε computed from x0, as DEIS converts every prediction: with its own roundings and thresholding.</summary>
    NoiseByImage,
}
