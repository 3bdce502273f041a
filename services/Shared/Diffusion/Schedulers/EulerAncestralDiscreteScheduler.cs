using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Euler's method down to σ_down with new noise of σ_up after every step, with σ_down² + σ_up² = σ_next² (k-diffusion's
/// <c>sample_euler_ancestral</c>; <c>scheduling_euler_ancestral_discrete.py</c>).
/// </summary>
public sealed class EulerAncestralDiscreteScheduler : SigmaScheduler
{
    private float[] _noise = [];
    private float[] _slope = [];

    /// <param name="config">Settings of this class.</param>
    public EulerAncestralDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "EulerAncestralDiscreteScheduler",
        "Euler's method on sigmas with fresh noise at every step",
        config => new EulerAncestralDiscreteScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            SchedulerOptions.PredictionType("epsilon", "v_prediction"),
            .. SchedulerOptions.Spacing("linspace"),
            SchedulerOptions.ZeroTerminalSnr,
        ]);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options) => SigmaSchedule.Plan(Config, Schedule, options);

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_noise.Length != sample.Length)
        {
            _noise = new float[sample.Length];
            _slope = new float[sample.Length];
        }
        float sigma = Sigmas[StepIndex];
        (float down, float up) = AncestralSplit.Of(sigma, Sigmas[StepIndex + 1]);
        SigmaPrediction.Slope(Prediction, sigma, sample, modelOutput, _slope);
        // Also drawn at the last step, where its weight is 0, so that the generator advances as the reference's does.
        noise.FillNormal(_noise);
        LinearCombination.Of(1, sample, down - sigma, _slope, up, _noise, sample);
    }
}
