using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Euler's method on sigmas (Karras et al. 2022, arXiv 2206.00364, algorithm 2 without churn; <c>scheduling_euler_discrete.py</c>).
/// </summary>
public sealed class EulerDiscreteScheduler : SigmaScheduler
{
    private readonly bool _continuous;
    private float[] _slope = [];
    private float[] _denoised = [];

    /// <param name="config">Settings of this class.</param>
    public EulerDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
        _continuous = config.Choice("timestep_type") == "continuous" && Prediction == PredictionType.Velocity;
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "EulerDiscreteScheduler",
        "Euler's method on sigmas",
        config => new EulerDiscreteScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            SchedulerOptions.PredictionType("epsilon", "sample", "original_sample", "v_prediction"),
            SchedulerOption.Choice("interpolation_type", "linear", "linear", "log_linear"),
            .. SchedulerOptions.SigmaSpacings,
            SchedulerOptions.Sigma("sigma_min", null, 0),
            SchedulerOptions.Sigma("sigma_max", null, 0),
            .. SchedulerOptions.Spacing("linspace"),
            SchedulerOption.Choice("timestep_type", "discrete", "discrete", "continuous"),
            SchedulerOptions.ZeroTerminalSnr,
            SchedulerOptions.FinalSigmas,
        ]);

    /// <inheritdoc/>
    public override bool TakesTimesteps => !_continuous && !SpacedSigmas.AreRequested(Config);

    /// <inheritdoc/>
    public override bool TakesSigmas => true;

    /// <inheritdoc/>
    public override bool TakesUnconditional => true;

    /// <summary>The last of the given sigmas is the final one.</summary>
    protected override int FewestSigmas => 2;

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        float[] timesteps, sigmas;
        if (options.Sigmas is { } given)
        {
            sigmas = [.. given.Select(sigma => (float)sigma)];
            timesteps = [.. sigmas[..^1].Select(sigma => Schedule.TimestepOfSingle(sigma))];
        }
        else
        {
            (timesteps, sigmas) = SigmaSchedule.Plan(Config, Schedule, options);
        }
        if (_continuous)
        {
            timesteps = [.. sigmas[..^1].Select(sigma => 0.25f * Elementary.TorchLog(sigma))];
        }
        return (timesteps, sigmas);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_slope.Length != sample.Length)
        {
            _slope = new float[sample.Length];
        }
        float sigma = Sigmas[StepIndex];
        float step = Sigmas[StepIndex + 1] - sigma;
        SigmaPrediction.Slope(Prediction, sigma, sample, modelOutput, _slope);
        LinearCombination.Of(1, sample, step, _slope, sample);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, ReadOnlySpan<float> unconditional, Span<float> sample, INoiseGenerator noise)
    {
        if (_slope.Length != sample.Length)
        {
            _slope = new float[sample.Length];
        }
        if (_denoised.Length != sample.Length)
        {
            _denoised = new float[sample.Length];
        }
        float sigma = Sigmas[StepIndex];
        SigmaPrediction.Slope(Prediction, sigma, sample, unconditional, _slope);
        SigmaPrediction.Denoise(Prediction, sigma, sample, modelOutput, _denoised);
        LinearCombination.Of(1, _denoised, Sigmas[StepIndex + 1], _slope, sample);
    }
}
