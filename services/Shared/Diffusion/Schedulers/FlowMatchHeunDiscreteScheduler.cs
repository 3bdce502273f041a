using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Heun's method for rectified flows, with two evaluations per step and one at the last step (<c>scheduling_flow_match_heun_discrete.py</c>).
/// </summary>
public sealed class FlowMatchHeunDiscreteScheduler : Scheduler
{
    private readonly EvaluationPair _pair = new();
    private float[] _slope = [];

    /// <param name="config">Settings of this class.</param>
    public FlowMatchHeunDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "FlowMatchHeunDiscreteScheduler",
        "Heun's method for rectified flows; two evaluations a step",
        config => new FlowMatchHeunDiscreteScheduler(config),
        [SchedulerOptions.TrainTimesteps(1000), SchedulerOptions.Shift("shift")])
    {
        Purpose = SchedulerPurpose.Flow,
    };

    /// <inheritdoc/>
    public override int Order => 2;

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        FlowSchedule.AddNoise(Sigmas[index], original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int train = Config.Integer("num_train_timesteps");
        double shift = Config.Number("shift");
        double[] sigmas = FlowSchedule.Unshifted(options, train, shift);
        FlowSchedule.Shift(shift, sigmas, single: false);
        float[] doubled = SigmaSchedule.Doubled(ToSingle(sigmas));
        return ([.. doubled.Select(sigma => sigma * train)], [.. doubled, 0]);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_slope.Length != sample.Length)
        {
            _slope = new float[sample.Length];
        }
        if (!EvaluationPair.IsSecond(this))
        {
            _pair.Keep(sample, withSlope: true);
            SigmaPrediction.Slope(PredictionType.Noise, Sigmas[StepIndex], sample, modelOutput, _pair.Slope);
            LinearCombination.Of(1, sample, Sigmas[StepIndex + 1] - Sigmas[StepIndex], _pair.Slope, sample);
            return;
        }
        float step = Sigmas[StepIndex] - Sigmas[StepIndex - 1];
        SigmaPrediction.Slope(PredictionType.Noise, Sigmas[StepIndex], sample, modelOutput, _slope);
        LinearCombination.Of(0.5f, _pair.Slope, 0.5f, _slope, _slope);
        LinearCombination.Of(1, _pair.Sample, step, _slope, sample);
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer) => _pair.Save(this, writer);

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader) => _pair.Restore(this, reader);
}
