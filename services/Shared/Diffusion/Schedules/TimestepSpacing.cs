using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedules;

/// <summary>The training timesteps of a run, starting at the noisiest (Lin et al. 2023, arXiv 2305.08891, table 2).</summary>
internal static class TimestepSpacing
{
    /// <summary>The names that <c>scheduler_config.json</c> uses.</summary>
    public static IReadOnlyList<string> Names { get; } = ["linspace", "leading", "trailing"];

    /// <summary>From T-1 to 0 in equal steps, not rounded.</summary>
    public static double[] Linspaced(int trainTimesteps, int steps)
    {
        double[] timesteps = Linspace.Numpy(0, trainTimesteps - 1, steps);
        Array.Reverse(timesteps);
        return timesteps;
    }

    /// <summary>Multiples of floor(T / ratioSteps) plus an offset, the largest first.</summary>
    /// <param name="trainTimesteps">T.</param>
    /// <param name="steps">The number of timesteps.</param>
    /// <param name="offset">The offset that is added to each timestep.</param>
    /// <param name="ratioSteps">The divisor of T; null for <paramref name="steps"/>.</param>
    public static double[] Leading(int trainTimesteps, int steps, int offset, int? ratioSteps = null)
    {
        int ratio = trainTimesteps / (ratioSteps ?? steps);
        var timesteps = new double[steps];
        for (int i = 0; i < steps; i++)
        {
            timesteps[i] = (double)(steps - 1 - i) * ratio + offset;
        }
        return timesteps;
    }

    /// <summary>round(T - i T / steps) - 1, half to even. A final -1, with which the reference's list can end, is dropped.</summary>
    /// <param name="trainTimesteps">T.</param>
    /// <param name="steps">The number of steps that T is divided into.</param>
    /// <param name="last">The first value; null for T.</param>
    public static double[] Trailing(int trainTimesteps, int steps, int? last = null)
    {
        double ratio = (double)trainTimesteps / steps;
        double start = last ?? trainTimesteps;
        // numpy.arange(start, 0, -ratio) has ceil(start / ratio) elements.
        int count = (int)Math.Ceiling((0 - start) / -ratio);
        // It steps by the difference of its first two elements, whose rounding determines how a half is rounded.
        double step = start - ratio - start;
        var timesteps = new double[count];
        for (int i = 0; i < count; i++)
        {
            timesteps[i] = Math.Round(start + i * step, MidpointRounding.ToEven) - 1;
        }
        return timesteps[^1] < 0 ? timesteps[..^1] : timesteps;
    }
}
