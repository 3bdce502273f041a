using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>How an ancestral step reaches σ_next: by going down to σ_down and adding noise of σ_up.</summary>
internal static class AncestralSplit
{
    /// <summary>σ_up² = σ_next² (σ² - σ_next²) / σ² and σ_down² = σ_next² - σ_up², in float32 in the reference's order.</summary>
    public static (float Down, float Up) Of(float sigma, float next)
    {
        float squareNext = next * next, square = sigma * sigma;
        float up = MklSquareRoot.Of(squareNext * (square - squareNext) / square);
        float rest = squareNext - up * up;
        // Where σ is far above σ_next, rounding can leave less than nothing; the reference goes on with NaN there.
        return (rest >= 0 ? MklSquareRoot.Of(rest) : squareNext / sigma, up);
    }
}
