using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Plans the runs of classes based on sigmas with fractional timesteps (Euler, Euler ancestral, Heun, LMS, DPM2): spaced timesteps and their sigmas,
/// or, when configured, Karras's, exponential or beta sigmas over the same range with their timesteps.
/// </summary>
internal static class SigmaSchedule
{
    /// <summary>
    /// Returns the standard deviation of the initial noise: σ_max, or sqrt(σ_max² + 1) for the leading spacing, whose first step is not the noisiest.
    /// </summary>
    public static float InitNoiseSigma(SchedulerConfig config, ReadOnlySpan<float> sigmas)
    {
        float largest = sigmas[0];
        return config.Choice("timestep_spacing") == "leading" ? MklSquareRoot.Of(largest * largest + 1) : largest;
    }

    /// <summary>Returns the timesteps of the evaluations, and the sigmas including the final one.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="schedule">The configuration's noise schedule.</param>
    /// <param name="options">The run.</param>
    /// <param name="roundKarras">Whether the timesteps of Karras's sigmas, and only those, are rounded, as in the DPM2 classes.</param>
    public static (float[] Timesteps, float[] Sigmas) Plan(
        SchedulerConfig config, NoiseSchedule schedule, SamplingOptions options, bool roundKarras = false)
    {
        (double[] timesteps, double[] sigmas) = Layout(config, schedule, options);
        if (roundKarras && config.HasFlag("use_karras_sigmas"))
        {
            timesteps = [.. timesteps.Select(t => Math.Round(t, MidpointRounding.ToEven))];
        }
        float last = config.HasWord("final_sigmas_type", "sigma_min") ? schedule.Sigmas[0] : 0;
        return ([.. timesteps.Select(t => (float)t)], [.. sigmas.Select(sigma => (float)sigma), last]);
    }

    /// <summary>Returns the result of <see cref="Plan"/> before rounding to float32, without the final sigma.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="schedule">The configuration's noise schedule.</param>
    /// <param name="options">The run.</param>
    /// <param name="singleTimesteps">Whether the spaced timesteps are rounded to float32 before sigmas are interpolated at them.</param>
    public static (double[] Timesteps, double[] Sigmas) Layout(
        SchedulerConfig config, NoiseSchedule schedule, SamplingOptions options, bool singleTimesteps = true)
    {
        double[] timesteps = options.Timesteps is { } given
            ? [.. given]
            : TrainingSchedule.Timesteps(config, options.Steps!.Value);
        if (singleTimesteps)
        {
            timesteps = [.. timesteps.Select(t => (double)(float)t)];
        }
        int steps = options.Steps ?? timesteps.Length;
        double[] sigmas = config.HasWord("interpolation_type", "log_linear")
            ? LogLinear(schedule, steps)
            : [.. timesteps.Select(schedule.InterpolateSigma)];
        double largest = config.NumberOrNull("sigma_max") ?? sigmas[0];
        double smallest = config.NumberOrNull("sigma_min") ?? sigmas[^1];
        if (SpacedSigmas.AreRequested(config) && steps > 1)
        {
            SpacedSigmas.RequireOrder(smallest, largest);
        }
        return SpacedSigmas.Create(config, largest, smallest, steps) is { } spaced
            ? ([.. spaced.Select(schedule.TimestepOf)], spaced)
            : (timesteps, sigmas);
    }

    /// <summary>Returns the values with every element but the first duplicated, as needed for runs with two evaluations per step.</summary>
    public static float[] Doubled(ReadOnlySpan<float> values)
    {
        var doubled = new float[2 * values.Length - 1];
        for (int i = 0; i < doubled.Length; i++)
        {
            doubled[i] = values[(i + 1) / 2];
        }
        return doubled;
    }

    /// <summary>Returns the timesteps of a run with those of its middle sigmas in between.</summary>
    /// <param name="schedule">The noise schedule.</param>
    /// <param name="timesteps">One timestep per step.</param>
    /// <param name="middles">The middle sigma of every step but the last; further elements are ignored.</param>
    public static float[] WithMiddles(NoiseSchedule schedule, ReadOnlySpan<float> timesteps, ReadOnlySpan<float> middles)
    {
        float[] all = Doubled(timesteps);
        for (int i = 1; i < all.Length; i += 2)
        {
            all[i] = schedule.TimestepOfSingle(middles[i / 2]);
        }
        return all;
    }

    /// <summary>Returns sqrt(a b) as the reference computes it: halfway between two float32 logarithms.</summary>
    public static float GeometricMean(float a, float b)
    {
        float logA = Elementary.TorchLog(a), logB = Elementary.TorchLog(b);
        return Elementary.TorchExp(logB - (logB - logA) * 0.5f);
    }

    /// <summary>Returns evenly spaced ln σ over the whole training range: one more than the steps, as in the reference.</summary>
    private static double[] LogLinear(NoiseSchedule schedule, int count)
    {
        float[] logs = Linspace.Torch(schedule.LogSigmas[^1], schedule.LogSigmas[0], count + 1);
        return [.. logs.Select(log => (double)Elementary.TorchExp(log))];
    }
}
