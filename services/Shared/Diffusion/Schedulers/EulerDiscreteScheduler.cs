using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Euler's method on sigmas (Karras et al. 2022, arXiv 2206.00364, algorithm 2 without churn; <c>scheduling_euler_discrete.py</c>).</summary>
public sealed class EulerDiscreteScheduler : Scheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly bool _continuous;

    /// <param name="config">Settings of this class.</param>
    public EulerDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
        TrainingSchedule.RequireOneSigmaSpacing(config);
        _schedule = TrainingSchedule.Create(config, TrainingSchedule.SmallestAlpha);
        _continuous = config.Word("timestep_type") == "continuous" && config.Word("prediction_type") == "v_prediction";
    }

    /// <summary>The class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "EulerDiscreteScheduler",
        "Euler's method on sigmas",
        config => new EulerDiscreteScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            SchedulerOptions.PredictionType("epsilon", "sample", "original_sample", "v_prediction"),
            SchedulerOption.Word("interpolation_type", "linear", "linear", "log_linear"),
            .. SchedulerOptions.SigmaSpacings,
            SchedulerOption.Number("sigma_min", null, 0),
            SchedulerOption.Number("sigma_max", null, 0),
            .. SchedulerOptions.Spacing("linspace"),
            SchedulerOption.Word("timestep_type", "discrete", "discrete", "continuous"),
            SchedulerOptions.ZeroTerminalSnr,
            SchedulerOptions.FinalSigmas,
        ]);

    /// <inheritdoc/>
    public override float InitNoiseSigma => SigmaSchedule.InitNoiseSigma(Config, Sigmas);

    /// <inheritdoc/>
    public override bool TakesTimesteps => !_continuous && !SigmaSchedule.IsSpaced(Config);

    /// <inheritdoc/>
    public override bool TakesSigmas => true;

    /// <inheritdoc/>
    public override void ScaleModelInput(ReadOnlySpan<float> sample, Span<float> modelInput)
    {
        float sigma = Sigmas[StepIndex];
        LinearCombination.Of(1 / MathF.Sqrt(sigma * sigma + 1), sample, modelInput);
    }

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(1, original, Sigmas[index], noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        float[] timesteps, sigmas;
        if (options.Sigmas is { } given)
        {
            sigmas = [.. given.Select(sigma => (float)sigma)];
            timesteps = [.. sigmas[..^1].Select(sigma => (float)_schedule.TimestepOf(sigma))];
        }
        else
        {
            (timesteps, sigmas) = SigmaSchedule.Plan(Config, _schedule, options);
        }
        if (_continuous)
        {
            timesteps = [.. sigmas[..^1].Select(sigma => 0.25f * MathF.Log(sigma))];
        }
        return (timesteps, sigmas);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        float sigma = Sigmas[StepIndex];
        float step = Sigmas[StepIndex + 1] - sigma;
        switch (Config.Word("prediction_type"))
        {
            case "epsilon":
                LinearCombination.Of(1, sample, step, modelOutput, sample);
                break;
            case "v_prediction":
                // x0 = v (-σ / sqrt(σ² + 1)) + x / (σ² + 1); then x + (x - x0) / σ dσ.
                float square = sigma * sigma + 1;
                LinearCombination.Of(1 + step / sigma * (1 - 1 / square), sample, step / MathF.Sqrt(square), modelOutput, sample);
                break;
            default:
                LinearCombination.Of(1 + step / sigma, sample, -step / sigma, modelOutput, sample);
                break;
        }
    }
}
