using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Sigmas of flow-matching runs, x = (1 - σ) x0 + σ n, and how they are shifted towards the noise.</summary>
internal static class FlowSchedule
{
    /// <summary>The sigmas that a run starts from: the given ones, or even ones between the ends of the training range.</summary>
    /// <param name="options">The run.</param>
    /// <param name="train">T.</param>
    /// <param name="shift">
    /// The shift of the training range's ends. The reference shifts them once here and the whole run once more afterwards.
    /// </param>
    public static double[] Unshifted(SamplingOptions options, int train, double shift)
    {
        if (options.Sigmas is { } sigmas)
        {
            return [.. sigmas.Select(sigma => (double)(float)sigma)];
        }
        if (options.Timesteps is { } timesteps)
        {
            return [.. timesteps.Select(t => (double)((float)t / train))];
        }
        double[] ends = [1, 1f / train];
        Shift(shift, ends, single: true);
        return [.. Linspace.Numpy(ends[0] * train, ends[1] * train, options.Steps!.Value).Select(t => t / train)];
    }

    /// <summary>σ = s σ / (1 + (s - 1) σ) (Esser et al. 2024, arXiv 2403.03206, equation 23).</summary>
    /// <param name="shift">s.</param>
    /// <param name="sigmas">Changed in place.</param>
    /// <param name="single">Whether every operation is rounded to float32.</param>
    public static void Shift(double shift, Span<double> sigmas, bool single)
    {
        double Round(double value) => single ? (float)value : value;

        double numerator = Round(shift), denominator = Round(shift - 1);
        foreach (ref double sigma in sigmas)
        {
            sigma = Round(Round(numerator * sigma) / Round(1 + Round(denominator * sigma)));
        }
    }

    /// <summary>σ = m / (m + 1 / σ - 1): the shift by the picture's size, with m = exp(μ) or μ itself.</summary>
    /// <param name="m">m.</param>
    /// <param name="sigmas">Changed in place.</param>
    /// <param name="single">Whether every operation is rounded to float32.</param>
    public static void ShiftBy(double m, Span<double> sigmas, bool single)
    {
        double Round(double value) => single ? (float)value : value;

        m = Round(m);
        foreach (ref double sigma in sigmas)
        {
            sigma = Round(m / Round(m + Round(Round(1 / sigma) - 1)));
        }
    }

    /// <summary>destination = σ noise + (1 - σ) original.</summary>
    public static void AddNoise(float sigma, ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination) =>
        LinearCombination.Of(sigma, noise, 1 - sigma, original, destination);
}
