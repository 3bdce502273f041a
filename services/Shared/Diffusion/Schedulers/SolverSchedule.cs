using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// The run of the solvers that walk on λ = ln(α / σ) with whole timesteps (DPM-Solver, DEIS, UniPC, SA-Solver): timesteps with one point
/// more than the steps, their sigmas, or sigmas of a spacing of their own over the whole training range with the timesteps that belong to them.
/// </summary>
internal static class SolverSchedule
{
    /// <summary>Whether the sigmas come from a spacing of their own, so that no timesteps can be given.</summary>
    public static bool IsSpaced(SchedulerConfig config) =>
        SpacedSigmas.AreAsked(config) || config.HasFlag("use_lu_lambdas") || config.HasFlag("use_flow_sigmas");

    /// <summary>The levels of sigmas that are σ / α, or of flow-matching sigmas.</summary>
    public static NoiseLevel LevelOf(SchedulerConfig config, float sigma) =>
        config.HasFlag("use_flow_sigmas") ? NoiseLevel.Flow(sigma) : NoiseLevel.Preserving(sigma);

    /// <summary>How many training timesteps <c>lambda_min_clipped</c> leaves, counted from the cleanest.</summary>
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

    /// <summary>The timesteps by the configuration's spacing.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="trainTimesteps">T.</param>
    /// <param name="length">How many of them are used.</param>
    /// <param name="steps">How many are wanted; the trailing spacing gives fewer of a shortened range.</param>
    /// <param name="ascending">From the cleanest up.</param>
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

    /// <summary>Timesteps and sigmas of the evaluations, without the final sigma.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="schedule">What the model was trained with.</param>
    /// <param name="timesteps">Where no spacing of sigmas is asked for.</param>
    /// <param name="count">How many sigmas of a spacing.</param>
    /// <param name="shift">The flow-matching shift.</param>
    /// <param name="keepFractions">Whether timesteps of Karras's and Lu's sigmas are cut off, as all others are, and not rounded.</param>
    /// <param name="ascending">From the cleanest up.</param>
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

    /// <summary>The shift of the flow-matching sigmas: e^μ where the run gives μ, which the configuration must allow.</summary>
    public static double FlowShift(SchedulerConfig config, SamplingOptions options)
    {
        if (options.Mu is not { } mu)
        {
            return config.Number("flow_shift");
        }
        if (!config.HasFlag("use_dynamic_shifting") || config.Choice("time_shift_type") != "exponential")
        {
            throw new FieldFaultException(
                new FieldFault("mu", $"{config.Descriptor.ClassName} takes it only with use_dynamic_shifting and time_shift_type exponential"));
        }
        return FlowSchedule.ShiftOf(config, mu);
    }

    /// <summary>
    /// The sigma that the last step goes to: 0, or the smallest of the training schedule, or in some classes the last of a spacing once more.
    /// </summary>
    public static double FinalSigma(SchedulerConfig config, NoiseSchedule schedule, double[] sigmas, bool repeatsSpaced) =>
        config.HasWord("final_sigmas_type", "zero") ? 0
        : repeatsSpaced && IsSpaced(config) ? sigmas[^1]
        : schedule.Sigmas[0];

    /// <summary>The run in float32, its timesteps cut off to whole numbers.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="order">The method's order; above 1 no noise level may be visited twice.</param>
    /// <param name="timesteps">Of the evaluations.</param>
    /// <param name="sigmas">Of the evaluations.</param>
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
                        $"{sigmas.Length} visit the noise level {all[i]} twice, which a method of order {order} cannot; allowed: fewer")));
            }
        }
        return (whole, all);
    }

    private static float Lambda(float alphaCumulative) =>
        Elementary.TorchLog(MklSquareRoot.Of(alphaCumulative)) - Elementary.TorchLog(MklSquareRoot.Of(1 - alphaCumulative));
}
