using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// A midpoint method on sigmas: the second evaluation is at the geometric mean of two adjacent sigmas, inspired by DPM-Solver-2 (Karras et al. 2022,
/// arXiv 2206.00364, algorithm 2; <c>scheduling_k_dpm_2_discrete.py</c>).
/// </summary>
public sealed class Kdpm2DiscreteScheduler : SigmaScheduler
{
    private readonly EvaluationPair _pair = new();
    private float[] _middles = [];
    private float[] _slope = [];

    /// <param name="config">Settings of this class.</param>
    public Kdpm2DiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "KDPM2DiscreteScheduler", "DPM2: a midpoint method on sigmas; two evaluations a step", config => new Kdpm2DiscreteScheduler(config), Options);

    /// <inheritdoc/>
    public override int Order => 2;

    /// <summary>The options of this class and of its ancestral variant.</summary>
    internal static IReadOnlyList<SchedulerOption> Options =>
    [
        .. SchedulerOptions.Betas(0.00085, 0.012),
        .. SchedulerOptions.SigmaSpacings,
        SchedulerOptions.PredictionType("epsilon", "v_prediction"),
        .. SchedulerOptions.Spacing("linspace"),
    ];

    /// <inheritdoc/>
    protected override float EvaluationSigma => EvaluationPair.IsSecond(this) ? _middles[StepIndex] : Sigmas[StepIndex];

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        (float[] timesteps, float[] sigmas) = SigmaSchedule.Plan(Config, Schedule, options, roundKarras: true);
        var middles = new float[sigmas.Length];
        for (int i = 1; i < sigmas.Length - 1; i++)
        {
            middles[i] = SigmaSchedule.GeometricMean(sigmas[i], sigmas[i - 1]);
        }
        _middles = [.. SigmaSchedule.Doubled(middles), 0];
        return (SigmaSchedule.WithMiddles(Schedule, timesteps, middles.AsSpan(1)), [.. SigmaSchedule.Doubled(sigmas), sigmas[^1]]);
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
            float sigma = Sigmas[StepIndex], step = _middles[StepIndex + 1] - sigma;
            SigmaPrediction.Slope(Prediction, sigma, sample, modelOutput, _slope);
            _pair.Keep(sample);
            LinearCombination.Of(1, sample, step, _slope, sample);
        }
        else
        {
            float step = Sigmas[StepIndex] - Sigmas[StepIndex - 1];
            SigmaPrediction.Slope(Prediction, _middles[StepIndex], sample, modelOutput, _slope);
            LinearCombination.Of(1, _pair.Sample, step, _slope, sample);
        }
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer) => _pair.Save(this, writer);

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader) => _pair.Restore(this, reader);
}
