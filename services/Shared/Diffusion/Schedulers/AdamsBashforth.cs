using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The explicit Adams-Bashforth formulas of order 1 to 4 (Liu et al. 2022, arXiv 2202.09778, equation 12).</summary>
internal static class AdamsBashforth
{
    /// <summary>destination = the slope that the newest terms of a history give; the order is how many there are.</summary>
    public static void Combine(History history, Span<float> destination)
    {
        switch (history.Count)
        {
            case 1:
                history[0].CopyTo(destination);
                break;
            case 2:
                LinearCombination.Of(3f / 2, history[0], -1f / 2, history[1], destination);
                break;
            case 3:
                LinearCombination.Of(23f / 12, history[0], -16f / 12, history[1], 5f / 12, history[2], destination);
                break;
            default:
                LinearCombination.Of(
                    55f / 24, history[0], -59f / 24, history[1], 37f / 24, history[2], -9f / 24, history[3], destination);
                break;
        }
    }
}
