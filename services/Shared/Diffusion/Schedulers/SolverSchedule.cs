using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Plans the runs of solvers in λ = ln(α / σ) with integer timesteps (DPM-Solver, DEIS, UniPC, SA-Solver): timesteps of a spacing with one point more
/// than the steps, and their sigmas; or sigmas with their own spacing over the whole training range, and their timesteps.
/// </summary>
internal static class SolverSchedule
{
    /// <summary>Returns whether the sigmas have their own spacing, so that custom timesteps are not supported.</summary>
    public static bool IsSpaced(SchedulerConfig config) =>
        SpacedSigmas.AreRequested(config) || config.HasFlag("use_lu_lambdas") || config.HasFlag("use_flow_sigmas");

    /// <summary>Returns the level of a sigma that is σ / α, or of a flow-matching sigma.</summary>
    public static NoiseLevel LevelOf(SchedulerConfig config, float sigma) =>
        config.HasFlag("use_flow_sigmas") ? NoiseLevel.Flow(sigma) : NoiseLevel.Preserving(sigma);

    /// <summary>Returns the number of training timesteps that <c>lambda_min_clipped</c> leaves, counted from the cleanest.</summary>
    public static int UsableLength(SchedulerConfig config, NoiseSchedule schedule)
    {
        int length = schedule.Length;
        if (config.Descriptor.Find("lambda_min_clipped") is not null)
        {
            float least = (float)config.Number("lambda_min_clipped");
            while (length > 0 && Lambda(schedule.AlphasCumulative[length - 1]) < least)
            {
                length--;
            }
            if (length == 0)
            {
                throw config.Refuse(
                    "lambda_min_clipped", string.Create(CultureInfo.InvariantCulture, $"at most {Lambda(schedule.AlphasCumulative[0])}"));
            }
        }
        return length;
    }

    /// <summary>Returns the timesteps of the configuration's spacing.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="trainTimesteps">T.</param>
    /// <param name="length">The number of training timesteps that are used.</param>
    /// <param name="steps">The number of steps; the trailing spacing returns fewer for a shortened range.</param>
    /// <param name="ascending">Whether the timesteps start at the cleanest and ascend.</param>
    public static double[] Timesteps(SchedulerConfig config, int trainTimesteps, int length, int steps, bool ascending = false)
    {
        string spacing = config.Descriptor.Find("timestep_spacing") is null ? "linspace" : config.Choice("timestep_spacing");
        double[] points = spacing switch
        {
            "linspace" => [.. TimestepSpacing.Linspaced(length, steps + 1).Select(t => Math.Round(t, MidpointRounding.ToEven))],
            "leading" => TrainingSchedule.Leading(config, length, steps + 1, steps),
            _ => TimestepSpacing.Trailing(trainTimesteps, steps, length),
        };
        if (ascending)
        {
            Array.Reverse(points);
        }
        return spacing == "trailing" ? points : points[..^1];
    }

    /// <summary>Returns the timesteps and sigmas of the evaluations, without the final sigma.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="schedule">The schedule that the model was trained with.</param>
    /// <param name="timesteps">The timesteps, used when no spacing of sigmas is configured.</param>
    /// <param name="count">The number of sigmas of a spacing.</param>
    /// <param name="shift">The flow-matching shift.</param>
    /// <param name="keepFractions">Whether timesteps of Karras's and Lu's sigmas are truncated, like all others, instead of rounded.</param>
    /// <param name="ascending">Whether the timesteps start at the cleanest and ascend.</param>
    public static (double[] Timesteps, double[] Sigmas) Walk(
        SchedulerConfig config, NoiseSchedule schedule, double[] timesteps, int count, double shift = 1, bool keepFractions = false,
        bool ascending = false)
    {
        if (config.HasFlag("use_flow_sigmas") && !config.HasFlag("use_karras_sigmas"))
        {
            double[] flow = FlowSchedule.UnshiftedOfSolvers(schedule.Length, count);
            FlowSchedule.Shift(shift, flow, single: false);
            return ([.. flow.Select(sigma => sigma * schedule.Length)], flow);
        }
        double smallest = config.NumberOrNull("sigma_min") ?? schedule.Sigmas[0], largest = config.NumberOrNull("sigma_max") ?? schedule.Sigmas[^1];
        SpacedSigmas.RequireOrder(smallest, largest);
        double[]? sigmas = config.HasFlag("use_lu_lambdas")
            ? SigmaSpacing.Lu(schedule.LogSigmas[0], schedule.LogSigmas[^1], count)
            : SpacedSigmas.Create(config, ascending ? smallest : largest, ascending ? largest : smallest, count);
        if (sigmas is null)
        {
            return (timesteps, [.. timesteps.Select(schedule.InterpolateSigma)]);
        }
        bool round = (config.HasFlag("use_karras_sigmas") || config.HasFlag("use_lu_lambdas")) && !keepFractions;
        return ([.. sigmas.Select(schedule.TimestepOf).Select(t => round ? Math.Round(t, MidpointRounding.ToEven) : t)], sigmas);
    }

    /// <summary>Returns the shift of the flow-matching sigmas: e^μ when the run sets μ, which the configuration must allow.</summary>
    public static double FlowShift(SchedulerConfig config, SamplingOptions options)
    {
        if (options.Mu is not { } mu)
        {
            return config.Number("flow_shift");
        }
        if (!config.HasFlag("use_dynamic_shifting") || config.Choice("time_shift_type") != "exponential")
        {
            throw new FieldFaultException(
                new FieldFault("mu", $"{config.Descriptor.ClassName} supports mu only with use_dynamic_shifting and time_shift_type exponential"));
        }
        return FlowSchedule.ShiftOf(config, mu);
    }

    /// <summary>
    /// Returns the sigma after the last step: 0, the smallest of the training schedule, or in some classes the last sigma of a spacing again.
    /// </summary>
    public static double FinalSigma(SchedulerConfig config, NoiseSchedule schedule, double[] sigmas, bool repeatsSpaced) =>
        config.HasWord("final_sigmas_type", "zero") ? 0
        : repeatsSpaced && IsSpaced(config) ? sigmas[^1]
        : schedule.Sigmas[0];

    /// <summary>Returns the run in float32, with its timesteps truncated to integers.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="order">The method's order; above 1 no noise level may occur twice.</param>
    /// <param name="timesteps">The timesteps of the evaluations.</param>
    /// <param name="sigmas">The sigmas of the evaluations.</param>
    /// <param name="last">The final sigma.</param>
    public static (float[] Timesteps, float[] Sigmas) Finish(SchedulerConfig config, int order, double[] timesteps, double[] sigmas, double last)
    {
        if (config.HasFlag("use_flow_sigmas"))
        {
            FlowSchedule.RequireImage(config, sigmas);
        }
        float[] whole = [.. timesteps.Select(t => (float)Math.Truncate(t))], all = [.. sigmas.Select(sigma => (float)sigma), (float)last];
        for (int i = 1; i < whole.Length && order > 1; i++)
        {
            if (all[i] == all[i - 1])
            {
                throw new FieldFaultException(new FieldFault(
                    "steps",
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{sigmas.Length} have the noise level {all[i]} twice, which order {order} does not support; allowed: fewer")));
            }
        }
        return (whole, all);
    }

    private static float Lambda(float alphaCumulative) =>
        Elementary.TorchLog(MklSquareRoot.Of(alphaCumulative)) - Elementary.TorchLog(MklSquareRoot.Of(1 - alphaCumulative));
}
