using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Steps of flow-map models, which predict the mean velocity between two times (<c>scheduling_flow_map_euler_discrete.py</c>): from σ to the run's
/// next σ, in float64.
/// </summary>
public sealed class FlowMapEulerDiscreteScheduler : Scheduler
{
    private double[] _sigmas = [];

    /// <param name="config">Settings of this class.</param>
    public FlowMapEulerDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "FlowMapEulerDiscreteScheduler",
        "Steps of flow-map models",
        config => new FlowMapEulerDiscreteScheduler(config),
        [SchedulerOptions.TrainTimesteps(1000), SchedulerOptions.Shift("shift")])
    {
        Purpose = SchedulerPurpose.FlowMap,
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
        FlowSchedule.AddNoise(Timesteps[index] / Config.Integer("num_train_timesteps"), original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int train = Config.Integer("num_train_timesteps");
        double[] sigmas = options.Sigmas is { } list ? [.. list]
            : options.Timesteps is { } timesteps ? [.. timesteps.Select(t => t / train)]
            : Linspace.Torch(1.0, 0.0, options.Steps!.Value + 1)[..^1];
        FlowSchedule.Shift(Config.Number("shift"), sigmas, single: false);
        _sigmas = [.. sigmas, 0];
        return (ToSingle([.. sigmas.Select(sigma => sigma * train)]), ToSingle(_sigmas));
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise) =>
        LinearCombination.Of(1, sample, (float)(_sigmas[StepIndex + 1] - _sigmas[StepIndex]), modelOutput, sample);
}
