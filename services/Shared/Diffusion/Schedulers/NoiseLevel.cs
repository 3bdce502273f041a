using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The shares of image and noise in a sample: x = α x0 + σ ε.</summary>
/// <param name="Alpha">α.</param>
/// <param name="Sigma">σ in the scale of the sample, which is not the sigma in the run's list.</param>
internal readonly record struct NoiseLevel(float Alpha, float Sigma)
{
    /// <summary>λ = ln α - ln σ, half the logarithm of the signal-to-noise ratio; infinite without noise.</summary>
    public float Lambda { get; } = Elementary.TorchLog(Alpha) - Elementary.TorchLog(Sigma);

    /// <summary>Returns a variance-preserving level: α² + σ² = 1 with the given σ / α.</summary>
    public static NoiseLevel Preserving(float ratio)
    {
        float alpha = 1 / MklSquareRoot.Of(ratio * ratio + 1);
        return new NoiseLevel(alpha, ratio * alpha);
    }

    /// <summary>Returns a level of flow matching: α + σ = 1.</summary>
    public static NoiseLevel Flow(float sigma) => new(1 - sigma, sigma);
}
