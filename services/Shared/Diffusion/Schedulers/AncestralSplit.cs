using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Splits an ancestral step to σ_next into a deterministic step down to σ_down and added noise of σ_up.</summary>
internal static class AncestralSplit
{
    /// <summary>σ_up² = σ_next² (σ² - σ_next²) / σ² and σ_down² = σ_next² - σ_up², in float32 in the reference's order.</summary>
    public static (float Down, float Up) Of(float sigma, float next)
    {
        float squareNext = next * next, square = sigma * sigma;
        float up = MklSquareRoot.Of(squareNext * (square - squareNext) / square);
        float rest = squareNext - up * up;
        // When σ is far above σ_next, rounding can make this negative; the reference continues with NaN then.
        return (rest >= 0 ? MklSquareRoot.Of(rest) : squareNext / sigma, up);
    }
}
