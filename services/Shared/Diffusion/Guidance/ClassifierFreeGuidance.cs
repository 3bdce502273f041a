using System.Numerics;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Guidance;

/// <summary>Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598).</summary>
public static class ClassifierFreeGuidance
{
    /// <summary>Returns whether a scale needs the unconditional pass.</summary>
    public static bool IsActive(double scale) => scale > 1;

    /// <summary>destination = u + scale (c - u).</summary>
    /// <param name="unconditional">u: the unconditional output of the model.</param>
    /// <param name="conditional">c: the conditional output of the model.</param>
    /// <param name="scale">The guidance scale.</param>
    /// <param name="destination">May be either source.</param>
    public static void Combine(ReadOnlySpan<float> unconditional, ReadOnlySpan<float> conditional, float scale, Span<float> destination)
    {
        int i = 0;
        for (; i <= destination.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var u = new Vector<float>(unconditional[i..]);
            var c = new Vector<float>(conditional[i..]);
            (u + (c - u) * scale).CopyTo(destination[i..]);
        }
        for (; i < destination.Length; i++)
        {
            destination[i] = unconditional[i] + scale * (conditional[i] - unconditional[i]);
        }
    }

    /// <summary>
    /// Rescales a guided output towards the standard deviation of the conditional one (Lin et al. 2023, arXiv 2305.08891, section 3.4).
    /// </summary>
    /// <param name="guided">One image's guided output; changed in place.</param>
    /// <param name="conditional">The same image's conditional output.</param>
    /// <param name="rescale">φ, 0..1: the weight of the rescaled output in the result.</param>
    public static void Rescale(Span<float> guided, ReadOnlySpan<float> conditional, float rescale)
    {
        float ratio = (float)StandardDeviation(conditional) / (float)StandardDeviation(guided);
        LinearCombination.Of(rescale * ratio + (1 - rescale), guided, guided);
    }

    /// <summary>
    /// Scales the unconditional output so that it is closest to the conditional one: u becomes (c·u / |u|²) u, the optimized scale of CFG-Zero* (Fan
    /// et al. 2025, arXiv 2503.18886, section 4.1). The zeroed first steps of the paper are not part of this method.
    /// </summary>
    /// <param name="unconditional">u, of one image; changed in place.</param>
    /// <param name="conditional">c, of the same image.</param>
    public static void Fit(Span<float> unconditional, ReadOnlySpan<float> conditional)
    {
        const double Tiny = 1e-8;
        double product = 0, square = 0;
        for (int i = 0; i < unconditional.Length; i++)
        {
            product += (double)conditional[i] * unconditional[i];
            square += (double)unconditional[i] * unconditional[i];
        }
        LinearCombination.Of((float)(product / (square + Tiny)), unconditional, unconditional);
    }

    /// <summary>Returns the sample standard deviation, divided by n - 1 as in <c>torch.std</c>.</summary>
    private static double StandardDeviation(ReadOnlySpan<float> values)
    {
        double mean = 0;
        foreach (float value in values)
        {
            mean += value;
        }
        mean /= values.Length;
        double squares = 0;
        foreach (float value in values)
        {
            squares += (value - mean) * (value - mean);
        }
        return Math.Sqrt(squares / (values.Length - 1));
    }
}
