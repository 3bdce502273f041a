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
    private readonly bool _stochastic;
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public FlowMatchEulerDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
        SpacedSigmas.RequireOne(config);
        _stochastic = config.Flag("stochastic_sampling");
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "FlowMatchEulerDiscreteScheduler",
        "Euler's method for rectified flows (Stable Diffusion 3, Flux)",
        config => new FlowMatchEulerDiscreteScheduler(config),
        [
            SchedulerOptions.TrainTimesteps(1000),
            SchedulerOptions.Shift("shift"),
            .. SchedulerOptions.DynamicShifting,
            SchedulerOption.Number("base_shift", 0.5) with { Nullable = true },
            SchedulerOption.Number("max_shift", 1.15) with { Nullable = true },
            SchedulerOption.Integer("base_image_seq_len", 256, 1),
            SchedulerOption.Integer("max_image_seq_len", 4096, 1),
            SchedulerOption.Flag("invert_sigmas", false),
            SchedulerOption.Number("shift_terminal", null, 0, 1),
            .. SchedulerOptions.SigmaSpacings,
            SchedulerOption.Flag("stochastic_sampling", false),
        ])
    {
        Purpose = SchedulerPurpose.Flow,
    };

    /// <inheritdoc/>
    public override bool TakesTimesteps => true;

    /// <inheritdoc/>
    public override bool TakesSigmas => true;

    /// <inheritdoc/>
    protected override double MaxTimestep => MaximumSteps;

    /// <inheritdoc/>
    protected override double MaxSigma => 1;

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
        double[] sigmas = FlowSchedule.Unshifted(options, train, dynamic ? 1 : Config.Number("shift"));
        // In the reference, given lists stay in float32, and spaced ones in float64.
        bool single = options.Sigmas is not null || options.Timesteps is not null;
        if (dynamic)
        {
            FlowSchedule.ShiftBy(FlowSchedule.ShiftOf(Config, options.Mu!.Value), sigmas, single);
        }
        else
        {
            FlowSchedule.Shift(Config.Number("shift"), sigmas, single);
        }
        if (!FlowSchedule.Stretch(Config, sigmas, single))
        {
            throw Config.Refuse("shift_terminal", "null where the last sigma before the stretch is 1, as with one step");
        }
        if (SpacedSigmas.AreRequested(Config) && !(sigmas[^1] > 0))
        {
            throw new FieldFaultException("sigmas", sigmas[^1], "numbers above 0 with Karras, exponential or beta sigmas");
        }
        sigmas = SpacedSigmas.Create(Config, sigmas[0], sigmas[^1], sigmas.Length) ?? sigmas;
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
        if (!_stochastic)
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
}
