namespace Brownian.Inference.Benchmarking;

/// <summary>What a picture looks like.</summary>
public enum ModelCheckResult
{
    /// <summary>Neighbouring pixels belong together.</summary>
    Picture,

    /// <summary>Neighbouring pixels have little to do with each other.</summary>
    Noise,

    /// <summary>Nearly one level everywhere.</summary>
    Flat,
}
