using System.Numerics.Tensors;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The explicit Adams-Bashforth formulas of order 1 to 4 (Liu et al. 2022, arXiv 2202.09778, equation 12).</summary>
internal static class AdamsBashforth
{
    /// <summary>Computes the slope from the newest terms of a history. The order is the number of terms.</summary>
    public static void Combine(History history, Span<float> destination)
    {
        switch (history.Count)
        {
            case 1:
                history[0].CopyTo(destination);
                break;
            case 2:
                LinearCombination.Of(3, history[0], -1, history[1], destination);
                TensorPrimitives.Divide(destination, 2, destination);
                break;
            case 3:
                LinearCombination.Of(23, history[0], -16, history[1], 5, history[2], destination);
                TensorPrimitives.Divide(destination, 12, destination);
                break;
            default:
                LinearCombination.Of(55, history[0], -59, history[1], 37, history[2], -9, history[3], destination);
                TensorPrimitives.Multiply(destination, 1f / 24, destination);
                break;
        }
    }
}
