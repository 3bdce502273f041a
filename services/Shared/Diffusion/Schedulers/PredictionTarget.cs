namespace Brownian.Diffusion.Schedulers;

/// <summary>What a method combines.</summary>
internal enum PredictionTarget
{
    /// <summary>x0.</summary>
    Picture,

    /// <summary>ε.</summary>
    Noise,

    /// <summary>ε without thresholding, which UniPC leaves out there.</summary>
    PlainNoise,

    /// <summary>ε by way of x0, which is how DEIS converts every prediction: with roundings and thresholding of its own.</summary>
    NoiseByImage,
}
