using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Heun's method on sigmas, with two evaluations per step and one at the last step (Karras et al. 2022, arXiv 2206.00364, algorithm 1;
/// <c>scheduling_heun_discrete.py</c>).
/// </summary>
public sealed class HeunDiscreteScheduler : SigmaScheduler
{
    private readonly DenoisedLimit _limit;
    private readonly EvaluationPair _pair = new();
    private float[] _slope = [];

    /// <param name="config">Settings of this class.</param>
    public HeunDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
        _limit = new DenoisedLimit(config);
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "HeunDiscreteScheduler",
        "Heun's method on sigmas; two evaluations a step",
        config => new HeunDiscreteScheduler(config),
        [
            .. SchedulerOptions.Betas(0.00085, 0.012, "linear", "exp"),
            SchedulerOptions.PredictionType(),
            .. SchedulerOptions.SigmaSpacings,
            .. SchedulerOptions.Clipping(false),
            .. SchedulerOptions.Spacing("linspace"),
        ]);

    /// <inheritdoc/>
    public override int Order => 2;

    /// <inheritdoc/>
    public override bool TakesTimesteps => !SpacedSigmas.AreRequested(Config);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        (float[] timesteps, float[] sigmas) = SigmaSchedule.Plan(Config, Schedule, options);
        return (SigmaSchedule.Doubled(timesteps), [.. SigmaSchedule.Doubled(sigmas.AsSpan(0, sigmas.Length - 1)), sigmas[^1]]);
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
            float sigma = Sigmas[StepIndex];
            _pair.Keep(sample, withSlope: true);
            Slope(sigma, modelOutput, sample, _pair.Slope);
            LinearCombination.Of(1, sample, Sigmas[StepIndex + 1] - sigma, _pair.Slope, sample);
            return;
        }
        float next = Sigmas[StepIndex], step = next - Sigmas[StepIndex - 1];
        Slope(next, modelOutput, sample, _slope);
        LinearCombination.Of(0.5f, _pair.Slope, 0.5f, _slope, _slope);
        LinearCombination.Of(1, _pair.Sample, step, _slope, sample);
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer) => _pair.Save(this, writer);

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader) => _pair.Restore(this, reader);

    private void Slope(float sigma, ReadOnlySpan<float> output, ReadOnlySpan<float> sample, Span<float> slope)
    {
        SigmaPrediction.Denoise(Prediction, sigma, sample, output, slope);
        _limit.Apply(slope, Run.Images);
        SigmaPrediction.SlopeFrom(sigma, sample, slope);
    }
}
