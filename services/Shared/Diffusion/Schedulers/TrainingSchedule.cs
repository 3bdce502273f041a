using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Creates the noise schedule of a configuration, and selects the training timesteps of a run.</summary>
internal static class TrainingSchedule
{
    /// <summary>ᾱ_(T-1) after rescaling to zero terminal SNR in the classes based on sigmas. It keeps the last sigma finite (4096).</summary>
    public const float MinAlpha = 1f / (1 << 24);

    /// <summary>Creates the noise schedule of the options <see cref="SchedulerOptions.Betas"/> and <c>rescale_betas_zero_snr</c>.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="lastAlphaCumulative">See <see cref="NoiseSchedule"/>.</param>
    /// <exception cref="FieldFaultException">
    /// The number of betas differs from the number of timesteps, or float32 cannot distinguish their noise levels.
    /// </exception>
    public static NoiseSchedule Create(SchedulerConfig config, float? lastAlphaCumulative = null)
    {
        int train = config.Integer("num_train_timesteps");
        if (config.Numbers("trained_betas") is not { } trained)
        {
            float[] betas = BetaSchedule.Create(config.Choice("beta_schedule"), config.Number("beta_start"), config.Number("beta_end"), train);
            return Create(config, betas, "beta_schedule", lastAlphaCumulative);
        }
        if (trained.Length != train)
        {
            throw new FieldFaultException("scheduler.trained_betas", $"{trained.Length} numbers", $"{train} numbers (num_train_timesteps)");
        }
        return Create(config, [.. trained.Select(beta => (float)beta)], "trained_betas", lastAlphaCumulative);
    }

    /// <summary>Creates the noise schedule of betas.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="betas">β_t, t = 0 .. T-1.</param>
    /// <param name="field">The option that contains the betas.</param>
    /// <param name="lastAlphaCumulative">See <see cref="NoiseSchedule"/>.</param>
    public static NoiseSchedule Create(SchedulerConfig config, float[] betas, string field, float? lastAlphaCumulative = null)
    {
        var schedule = new NoiseSchedule(betas, config.HasFlag("rescale_betas_zero_snr"), lastAlphaCumulative);
        if (!schedule.Grows)
        {
            throw new FieldFaultException(
                "scheduler." + field,
                string.Create(CultureInfo.InvariantCulture, $"{betas.Length} betas of {betas.Min()}..{betas.Max()}"),
                "betas of 1e-7 and above under which the noise grows with every timestep and does not leave float32");
        }
        return schedule;
    }

    /// <summary>Returns the timesteps of the configuration's spacing, the noisiest first; not rounded with <c>linspace</c>.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="steps">The number of timesteps.</param>
    /// <exception cref="FieldFaultException">The offset moves the first timestep out of the schedule.</exception>
    public static double[] Timesteps(SchedulerConfig config, int steps)
    {
        int train = config.Integer("num_train_timesteps");
        switch (config.Choice("timestep_spacing"))
        {
            case "linspace":
                return TimestepSpacing.Linspaced(train, steps);
            case "leading":
                return Leading(config, train, steps, steps);
            default:
                return TimestepSpacing.Trailing(train, steps);
        }
    }

    /// <summary>Returns the timesteps of <see cref="Timesteps"/> rounded, for classes with integer timesteps.</summary>
    /// <inheritdoc cref="Timesteps"/>
    public static float[] WholeTimesteps(SchedulerConfig config, int steps) =>
        [.. Timesteps(config, steps).Select(t => (float)Math.Round(t, MidpointRounding.ToEven))];

    /// <summary>Returns the timesteps of the leading spacing with the configuration's offset.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="length">The number of training timesteps that are used.</param>
    /// <param name="points">The number of timesteps to return.</param>
    /// <param name="steps">The number of the run's steps, for the fault.</param>
    /// <exception cref="FieldFaultException">The offset moves the first timestep out of the schedule.</exception>
    public static double[] Leading(SchedulerConfig config, int length, int points, int steps)
    {
        int offset = config.Integer("steps_offset"), train = config.Integer("num_train_timesteps");
        double[] timesteps = TimestepSpacing.Leading(length, points, offset);
        if (timesteps[0] >= train)
        {
            throw new FieldFaultException("scheduler.steps_offset", offset, $"at most {train - 1 - timesteps[0] + offset} with {steps} steps");
        }
        return timesteps;
    }
}
