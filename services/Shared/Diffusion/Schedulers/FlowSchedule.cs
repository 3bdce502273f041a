using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Sigmas of flow-matching runs, x = (1 - σ) x0 + σ n, and their shifts towards the noise.</summary>
internal static class FlowSchedule
{
    /// <summary>
    /// Returns the unshifted sigmas of a run of the flow-matching classes: the given ones, or evenly spaced ones between the ends of the training
    /// range.
    /// </summary>
    /// <param name="options">The run.</param>
    /// <param name="train">T.</param>
    /// <param name="shift">The shift of the training range's ends. The reference shifts the ends here, and then the whole run again.</param>
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

    /// <summary>Returns the unshifted sigmas of a run of the solvers: 1 - 1/T to 0 in equal steps without the 0.</summary>
    /// <param name="train">T.</param>
    /// <param name="count">The number of sigmas.</param>
    public static double[] UnshiftedOfSolvers(int train, int count)
    {
        double[] alphas = Linspace.Numpy(1, 1.0 / train, count + 1);
        var sigmas = new double[count];
        for (int i = 0; i < count; i++)
        {
            sigmas[i] = 1 - alphas[count - i];
        }
        return sigmas;
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

    /// <summary>σ = m / (m + 1 / σ - 1): the shift that depends on the image's size.</summary>
    /// <param name="m">m, from <see cref="ShiftOf"/>.</param>
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

    /// <summary>Returns the m for a run's μ: e^μ, or μ itself with the linear <c>time_shift_type</c>.</summary>
    /// <exception cref="FieldFaultException">m is not within 1e-6..1e6.</exception>
    public static double ShiftOf(SchedulerConfig config, double mu)
    {
        bool exponential = config.Choice("time_shift_type") == "exponential";
        double m = exponential ? Math.Exp(mu) : mu;
        return m is >= 1e-6 and <= 1e6
            ? m
            : throw new FieldFaultException(
                "mu", mu, exponential ? "-13..13 with time_shift_type exponential" : "1e-6..1e6 with time_shift_type linear");
    }

    /// <summary>
    /// Stretches 1 - σ so that the last sigma is <c>shift_terminal</c>, when that is set (LTX-Video, arXiv 2501.00103, section 2.4).
    /// </summary>
    /// <param name="config">A configuration with the option.</param>
    /// <param name="sigmas">Changed in place.</param>
    /// <param name="single">Whether every operation is rounded to float32.</param>
    /// <returns>Whether the stretch is possible. It is not when the last sigma is 1, as in a run with one step.</returns>
    public static bool Stretch(SchedulerConfig config, Span<double> sigmas, bool single)
    {
        double Round(double value) => single ? (float)value : value;

        if (config.NumberOrNull("shift_terminal") is not { } terminal || terminal == 0)
        {
            return true;
        }
        double scale = Round(Round(1 - sigmas[^1]) / Round(1 - terminal));
        if (!(scale > 0) || !double.IsFinite(scale))
        {
            return false;
        }
        foreach (ref double sigma in sigmas)
        {
            sigma = Round(1 - Round(Round(1 - sigma) / scale));
        }
        return true;
    }

    /// <summary>Rejects sigmas that are pure noise in float32, for which the solvers' λ is infinite.</summary>
    public static void RequireImage(SchedulerConfig config, ReadOnlySpan<double> sigmas)
    {
        foreach (double sigma in sigmas)
        {
            if (!((float)sigma < 1))
            {
                throw config.Refuse("flow_shift", "a shift (or mu) so small that every sigma is below 1 in float32");
            }
        }
    }

    /// <summary>destination = σ noise + (1 - σ) original.</summary>
    public static void AddNoise(float sigma, ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination) =>
        LinearCombination.Of(sigma, noise, 1 - sigma, original, destination);
}
