using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// The run of the classes that walk on sigmas with fractional timesteps (Euler, its ancestral form, Heun, LMS, DPM2): spaced timesteps,
/// their sigmas, and from those where asked for Karras's, exponential or beta sigmas with the timesteps that belong to them.
/// </summary>
internal static class SigmaSchedule
{
    /// <summary>Whether the sigmas come from a spacing of their own, so that no timesteps can be given.</summary>
    public static bool IsSpaced(SchedulerConfig config) =>
        config.HasFlag("use_karras_sigmas") || config.HasFlag("use_exponential_sigmas") || config.HasFlag("use_beta_sigmas");

    /// <summary>The spread of the initial noise: σ_max, or sqrt(σ_max² + 1) for the leading spacing, whose first step is not the noisiest.</summary>
    public static float InitNoiseSigma(SchedulerConfig config, ReadOnlySpan<float> sigmas)
    {
        float largest = sigmas[0];
        return config.Word("timestep_spacing") == "leading" ? MathF.Sqrt(largest * largest + 1) : largest;
    }

    /// <summary>The spaced timesteps before any sigma spacing, float32 values in float64.</summary>
    public static double[] Timesteps(SchedulerConfig config, int train, SamplingOptions options)
    {
        double[] timesteps = options.Timesteps is { } given
            ? [.. given]
            : config.Word("timestep_spacing") switch
            {
                "linspace" => TimestepSpacing.Linspaced(train, options.Steps!.Value),
                "leading" => TimestepSpacing.Leading(train, options.Steps!.Value, config.Integer("steps_offset")),
                _ => TimestepSpacing.Trailing(train, options.Steps!.Value),
            };
        return [.. timesteps.Select(t => (double)(float)t)];
    }

    /// <summary>Timesteps of the evaluations and sigmas with the final one.</summary>
    public static (float[] Timesteps, float[] Sigmas) Plan(SchedulerConfig config, NoiseSchedule schedule, SamplingOptions options)
    {
        double[] timesteps = Timesteps(config, schedule.Length, options);
        double[] sigmas = config.Descriptor.Find("interpolation_type") is not null && config.Word("interpolation_type") == "log_linear"
            ? LogLinear(schedule, timesteps.Length)
            : [.. timesteps.Select(schedule.InterpolateSigma)];
        double largest = config.Descriptor.Find("sigma_max") is null ? sigmas[0] : config.NumberOrNull("sigma_max") ?? sigmas[0];
        double smallest = config.Descriptor.Find("sigma_min") is null ? sigmas[^1] : config.NumberOrNull("sigma_min") ?? sigmas[^1];
        if (TrainingSchedule.SpacedSigmas(config, largest, smallest, timesteps.Length) is { } spaced)
        {
            if (!(smallest > 0 && smallest <= largest))
            {
                throw new FieldFaultException(new FieldFault("scheduler.sigma_min", $"the smallest sigma {smallest} must be above 0 and at most the largest, {largest}"));
            }
            sigmas = spaced;
            timesteps = [.. sigmas.Select(schedule.TimestepOf)];
        }
        float last = config.Descriptor.Find("final_sigmas_type") is not null && config.Word("final_sigmas_type") == "sigma_min" ? schedule.Sigmas[0] : 0;
        return ([.. timesteps.Select(t => (float)t)], [.. sigmas.Select(sigma => (float)sigma), last]);
    }

    /// <summary>Evenly spaced ln σ over the whole training range: one more than the steps, as in the reference.</summary>
    private static double[] LogLinear(NoiseSchedule schedule, int count)
    {
        float[] logs = Numerics.Linspace.Torch(schedule.LogSigmas[^1], schedule.LogSigmas[0], count + 1);
        return [.. logs.Select(log => (double)MathF.Exp(log))];
    }
}
