using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Euler's method for rectified flows, x = (1 - σ) x0 + σ n (Esser et al. 2024, arXiv 2403.03206; <c>scheduling_flow_match_euler_discrete.py</c>).
/// </summary>
public sealed class FlowMatchEulerDiscreteScheduler : Scheduler
{
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public FlowMatchEulerDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
        TrainingSchedule.RequireOneSigmaSpacing(config);
    }

    /// <summary>The class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "FlowMatchEulerDiscreteScheduler",
        "Euler's method for rectified flows (Stable Diffusion 3, Flux)",
        config => new FlowMatchEulerDiscreteScheduler(config),
        [
            SchedulerOptions.TrainTimesteps(1000),
            SchedulerOption.Number("shift", 1, 1e-6),
            .. SchedulerOptions.DynamicShifting,
            SchedulerOption.Number("base_shift", 0.5) with { Nullable = true },
            SchedulerOption.Number("max_shift", 1.15) with { Nullable = true },
            SchedulerOption.Integer("base_image_seq_len", 256, 1),
            SchedulerOption.Integer("max_image_seq_len", 4096, 1),
            SchedulerOption.Flag("invert_sigmas", false),
            SchedulerOption.Number("shift_terminal", null, 0, 1),
            .. SchedulerOptions.SigmaSpacings,
            SchedulerOption.Flag("stochastic_sampling", false),
        ]);

    /// <inheritdoc/>
    public override bool TakesTimesteps => true;

    /// <inheritdoc/>
    public override bool TakesSigmas => true;

    /// <inheritdoc/>
    protected override double LargestTimestep => MaximumSteps;

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        FlowSchedule.AddNoise(Sigmas[index], original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int train = Config.Integer("num_train_timesteps");
        bool dynamic = Config.Flag("use_dynamic_shifting");
        if (dynamic && options.Mu is null)
        {
            throw new FieldFaultException("mu", null, "a number, as the scheduler has use_dynamic_shifting");
        }
        RequireEqualLengths(options);
        double[] sigmas = FlowSchedule.Unshifted(options, train, dynamic ? 1 : Config.Number("shift"));
        // Given lists are float32 to the end in the reference, the spaced ones float64.
        bool single = options.Sigmas is not null || options.Timesteps is not null;
        if (dynamic)
        {
            FlowSchedule.ShiftBy(Config.Word("time_shift_type") == "exponential" ? Math.Exp(options.Mu!.Value) : options.Mu!.Value, sigmas, single);
        }
        else
        {
            FlowSchedule.Shift(Config.Number("shift"), sigmas, single);
        }
        if (Config.NumberOrNull("shift_terminal") is { } terminal and not 0)
        {
            Stretch(terminal, sigmas, single);
        }
        sigmas = Spaced(sigmas);
        float[] all = [.. ToSingle(sigmas), 0];
        if (Config.Flag("invert_sigmas"))
        {
            foreach (ref float sigma in all.AsSpan())
            {
                sigma = 1 - sigma;
            }
        }
        return ([.. all[..^1].Select(sigma => sigma * train)], all);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        float sigma = Sigmas[StepIndex], next = Sigmas[StepIndex + 1];
        if (!Config.Flag("stochastic_sampling"))
        {
            LinearCombination.Of(1, sample, next - sigma, modelOutput, sample);
            return;
        }
        if (_noise.Length != sample.Length)
        {
            _noise = new float[sample.Length];
        }
        noise.FillNormal(_noise);
        LinearCombination.Of(1 - next, sample, -(1 - next) * sigma, modelOutput, next, _noise, sample);
    }

    private static void RequireEqualLengths(SamplingOptions options)
    {
        if (options.Sigmas is { } sigmas && options.Timesteps is { } timesteps && sigmas.Count != timesteps.Count)
        {
            throw new FieldFaultException("timesteps", $"{timesteps.Count} numbers", $"{sigmas.Count} numbers, as many as sigmas");
        }
    }

    private double[] Spaced(double[] sigmas)
    {
        if (SigmaSchedule.IsSpaced(Config) && !(sigmas[^1] > 0))
        {
            throw new FieldFaultException("sigmas", sigmas[^1], "numbers above 0 with Karras, exponential or beta sigmas");
        }
        return TrainingSchedule.SpacedSigmas(Config, sigmas[0], sigmas[^1], sigmas.Length) ?? sigmas;
    }

    /// <summary>Stretches 1 - σ so that the last sigma is the wanted one (LTX-Video, arXiv 2501.00103, section 2.4).</summary>
    private static void Stretch(double terminal, double[] sigmas, bool single)
    {
        double Round(double value) => single ? (float)value : value;

        double scale = Round(Round(1 - sigmas[^1]) / (single ? (float)(1 - terminal) : 1 - terminal));
        if (!(scale > 0) || !double.IsFinite(scale))
        {
            throw new FieldFaultException("scheduler.shift_terminal", terminal, "null where the last sigma before the stretch is 1, as with one step");
        }
        for (int i = 0; i < sigmas.Length; i++)
        {
            sigmas[i] = Round(1 - Round(Round(1 - sigmas[i]) / scale));
        }
    }
}
