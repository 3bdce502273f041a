using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// <see cref="Kdpm2DiscreteScheduler"/> down to σ_down with new noise of σ_up after every second evaluation (k-diffusion's
/// <c>sample_dpm_2_ancestral</c>; <c>scheduling_k_dpm_2_ancestral_discrete.py</c>).
/// </summary>
public sealed class Kdpm2AncestralDiscreteScheduler : SigmaScheduler
{
    private readonly EvaluationPair _pair = new();
    private float[] _middles = [];
    private float[] _ups = [];
    private float[] _downs = [];
    private float[] _noise = [];
    private float[] _slope = [];

    /// <param name="config">Settings of this class.</param>
    public Kdpm2AncestralDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "KDPM2AncestralDiscreteScheduler",
        "DPM2 with fresh noise at every step; two evaluations a step",
        config => new Kdpm2AncestralDiscreteScheduler(config),
        Kdpm2DiscreteScheduler.Options);

    /// <inheritdoc/>
    public override int Order => 2;

    /// <inheritdoc/>
    protected override float EvaluationSigma => EvaluationPair.IsSecond(this) ? _middles[StepIndex - 1] : Sigmas[StepIndex];

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        (float[] timesteps, float[] sigmas) = SigmaSchedule.Plan(Config, Schedule, options, roundKarras: true);
        int steps = sigmas.Length - 1;
        float[] middles = new float[steps + 1], ups = new float[steps + 1], downs = new float[steps + 1];
        for (int i = 0; i < steps; i++)
        {
            (downs[i], ups[i]) = AncestralSplit.Of(sigmas[i], sigmas[i + 1]);
            if (downs[i] == 0)
            {
                // The value was lost by rounding (or is 0 at the last step); a geometric mean with 0 would be NaN, as in the reference.
                downs[i] = sigmas[i + 1] * sigmas[i + 1] / sigmas[i];
            }
            middles[i] = i < steps - 1 ? SigmaSchedule.GeometricMean(sigmas[i], downs[i]) : 0;
        }
        _middles = SigmaSchedule.Doubled(middles);
        _ups = SigmaSchedule.Doubled(ups);
        _downs = SigmaSchedule.Doubled(downs);
        return (SigmaSchedule.WithMiddles(Schedule, timesteps, middles), [.. SigmaSchedule.Doubled(sigmas), sigmas[^1]]);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_noise.Length != sample.Length)
        {
            _noise = new float[sample.Length];
            _slope = new float[sample.Length];
        }
        if (!EvaluationPair.IsSecond(this))
        {
            float sigma = Sigmas[StepIndex], step = _middles[StepIndex] - sigma;
            SigmaPrediction.Slope(Prediction, sigma, sample, modelOutput, _slope);
            _pair.Keep(sample);
            LinearCombination.Of(1, sample, step, _slope, sample);
        }
        else
        {
            float step = _downs[StepIndex - 1] - Sigmas[StepIndex - 1];
            SigmaPrediction.Slope(Prediction, _middles[StepIndex - 1], sample, modelOutput, _slope);
            noise.FillNormal(_noise);
            LinearCombination.Of(1, _pair.Sample, step, _slope, _ups[StepIndex - 1], _noise, sample);
        }
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer) => _pair.Save(this, writer);

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader) => _pair.Restore(this, reader);
}
