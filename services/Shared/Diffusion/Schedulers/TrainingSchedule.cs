using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The noise schedule that a configuration describes, and the sigmas a run takes from it.</summary>
internal static class TrainingSchedule
{
    /// <summary>ᾱ_(T-1) after rescaling to zero terminal SNR in the classes that walk on sigmas: keeps the last sigma finite (4096).</summary>
    public const float SmallestAlpha = 1f / (1 << 24);

    /// <summary>The noise schedule of the options <see cref="SchedulerOptions.Betas"/> and <c>rescale_betas_zero_snr</c>.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="lastAlphaCumulative">See <see cref="NoiseSchedule"/>.</param>
    public static NoiseSchedule Create(SchedulerConfig config, float? lastAlphaCumulative = null)
    {
        float[] betas = config.Numbers("trained_betas") is { } trained
            ? [.. trained.Select(beta => (float)beta)]
            : BetaSchedule.Create(
                config.Word("beta_schedule"), config.Number("beta_start"), config.Number("beta_end"), config.Integer("num_train_timesteps"));
        if (betas.Length != config.Integer("num_train_timesteps"))
        {
            throw new FieldFaultException("scheduler.trained_betas", $"{betas.Length} numbers", $"{config.Integer("num_train_timesteps")} numbers (num_train_timesteps)");
        }
        return new NoiseSchedule(betas, config.HasFlag("rescale_betas_zero_snr"), lastAlphaCumulative);
    }

    /// <summary>The spaced timesteps of the classes that visit whole ones, the noisiest first.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="steps">How many.</param>
    /// <exception cref="FieldFaultException">The offset moves the first one out of the schedule.</exception>
    public static float[] WholeTimesteps(SchedulerConfig config, int steps)
    {
        int train = config.Integer("num_train_timesteps");
        double[] timesteps = config.Word("timestep_spacing") switch
        {
            "linspace" => [.. TimestepSpacing.Linspaced(train, steps).Select(t => Math.Round(t, MidpointRounding.ToEven))],
            "leading" => TimestepSpacing.Leading(train, steps, config.Integer("steps_offset")),
            _ => TimestepSpacing.Trailing(train, steps),
        };
        if (timesteps[0] >= train)
        {
            int largest = train - 1 - (steps - 1) * (train / steps);
            throw new FieldFaultException("scheduler.steps_offset", config.Integer("steps_offset"), $"at most {largest} with {steps} steps");
        }
        // Rounding can make the trailing spacing one longer, with -1 at its end, where the reference reads its tables from behind.
        return [.. timesteps.Where(t => t >= 0).Select(t => (float)t)];
    }

    /// <summary>Refuses configurations that ask for two sigma spacings.</summary>
    public static void RequireOneSigmaSpacing(SchedulerConfig config)
    {
        string[] names = ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "use_flow_sigmas"];
        string[] set = [.. names.Where(config.HasFlag)];
        if (set.Length > 1)
        {
            throw new FieldFaultException(new FieldFault("scheduler." + set[1], $"only one of {string.Join(", ", set)} can be used"));
        }
    }

    /// <summary>The sigmas of the spacing that the configuration asks for, or null where it asks for none.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="largest">The first sigma.</param>
    /// <param name="smallest">The last sigma.</param>
    /// <param name="count">How many.</param>
    public static double[]? SpacedSigmas(SchedulerConfig config, double largest, double smallest, int count) =>
        config.HasFlag("use_karras_sigmas") ? SigmaSpacing.Karras(smallest, largest, count)
        : config.HasFlag("use_exponential_sigmas") ? SigmaSpacing.Exponential(smallest, largest, count)
        : config.HasFlag("use_beta_sigmas") ? SigmaSpacing.Beta(smallest, largest, count)
        : null;
}
