using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Denoising diffusion probabilistic models (Ho et al. 2020, arXiv 2006.11239, algorithm 2; <c>scheduling_ddpm.py</c>).</summary>
public class DdpmScheduler : Scheduler
{
    private const float MinVariance = 1e-20f;

    private readonly NoiseSchedule _schedule;
    private readonly DenoisedLimit _limit;
    private readonly PredictedVariance _predicted = new();
    private readonly PredictionType _prediction;
    private readonly VarianceType _varianceType;
    private float[] _denoised = [];
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public DdpmScheduler(SchedulerConfig config)
        : base(config)
    {
        _schedule = TrainingSchedule.Create(config);
        _limit = new DenoisedLimit(config);
        _prediction = PredictionTypeOption.Read(config);
        _varianceType = config.Choice("variance_type") switch
        {
            "fixed_small" => VarianceType.Small,
            "fixed_small_log" => VarianceType.SmallLog,
            "fixed_large" => VarianceType.Large,
            "fixed_large_log" => VarianceType.LargeLog,
            "learned" => VarianceType.Learned,
            _ => VarianceType.LearnedRange,
        };
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DDPMScheduler", "Denoising diffusion probabilistic models: fresh noise at every step", config => new DdpmScheduler(config), Options);

    /// <inheritdoc/>
    public override bool TakesTimesteps => true;

    /// <inheritdoc/>
    public override bool UsesVariances => _varianceType is VarianceType.Learned or VarianceType.LearnedRange;

    /// <summary>The options of this class and of its parallel variant.</summary>
    protected static IReadOnlyList<SchedulerOption> Options =>
    [
        .. SchedulerOptions.Betas(0.0001, 0.02, "linear", "sigmoid", "laplace"),
        SchedulerOption.Choice(
            "variance_type", "fixed_small", "fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"),
        .. SchedulerOptions.Clipping(true),
        SchedulerOptions.PredictionType(),
        .. SchedulerOptions.Thresholding,
        .. SchedulerOptions.Spacing("leading"),
        SchedulerOptions.ZeroTerminalSnr,
    ];

    /// <summary>ᾱ_t, t = 0 .. T-1.</summary>
    protected ReadOnlySpan<float> AlphasCumulative => _schedule.AlphasCumulative;

    /// <summary>The variance β̃_t of a step between two timesteps (equation 7), independent of the variance type; at least 1e-20.</summary>
    /// <param name="timestep">t.</param>
    /// <param name="previousTimestep">The target timestep of the step; below 0 at the end.</param>
    public float Variance(int timestep, int previousTimestep)
    {
        float alpha = AlphasCumulative[timestep], previous = AlphaOrOne(previousTimestep);
        return MathF.Max((1 - previous) / (1 - alpha) * (1 - alpha / previous), MinVariance);
    }

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        _schedule.Diffuse((int)Timesteps[index], original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options) =>
        (
            options.Timesteps is { } given
                ? [.. given.Select(t => (float)Math.Truncate(t))]
                : TrainingSchedule.WholeTimesteps(Config, options.Steps!.Value), []);

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        int timestep = (int)Timestep, previous = StepIndex + 1 < Timesteps.Length ? (int)Timesteps[StepIndex + 1] : -1;
        float alpha = AlphasCumulative[timestep], previousAlpha = AlphaOrOne(previous);
        ReadOnlySpan<float> prediction = _predicted.Split(modelOutput, sample.Length, Run.Images);
        Move(alpha, previousAlpha, prediction, sample, Run.Images);
        if (timestep == 0)
        {
            return;
        }
        if (_noise.Length != sample.Length)
        {
            _noise = new float[sample.Length];
        }
        noise.FillNormal(_noise);
        float beta = 1 - alpha / previousAlpha, variance = Variance(timestep, previous);
        float spread = 1;
        switch (_varianceType)
        {
            case VarianceType.Learned:
                _predicted.Scale(_noise);
                break;
            case VarianceType.LearnedRange:
                _predicted.ScaleBetween(MathF.Log(variance), MathF.Log(beta), _noise);
                break;
            case VarianceType.SmallLog:
                spread = MathF.Exp(0.5f * MathF.Log(variance));
                break;
            case VarianceType.Large:
                spread = MklSquareRoot.Of(beta);
                break;
            case VarianceType.LargeLog:
                // The reference computes the square root of ln β, which is not a number; this is the intended value.
                spread = MathF.Exp(0.5f * MathF.Log(beta));
                break;
            default:
                spread = MklSquareRoot.Of(variance);
                break;
        }
        LinearCombination.Of(1, sample, spread, _noise, sample);
    }

    /// <summary>The mean of equation 7.</summary>
    /// <param name="alpha">ᾱ of the evaluation.</param>
    /// <param name="previous">ᾱ of the step's target.</param>
    /// <param name="prediction">The model's output without variances; has the sample's length.</param>
    /// <param name="sample">Changed in place.</param>
    /// <param name="images">The number of images in the tensor.</param>
    protected void Move(float alpha, float previous, ReadOnlySpan<float> prediction, Span<float> sample, int images)
    {
        if (_denoised.Length != sample.Length)
        {
            _denoised = new float[sample.Length];
        }
        LevelPrediction.Denoise(_prediction, MklSquareRoot.Of(alpha), MklSquareRoot.Of(1 - alpha), sample, prediction, _denoised);
        _limit.Apply(_denoised, images);
        float stepAlpha = alpha / previous, stepBeta = 1 - stepAlpha, beta = 1 - alpha;
        LinearCombination.Of(
            MklSquareRoot.Of(previous) * stepBeta / beta, _denoised, MklSquareRoot.Of(stepAlpha) * (1 - previous) / beta, sample, sample);
    }

    private float AlphaOrOne(int timestep) => timestep >= 0 ? AlphasCumulative[timestep] : 1;

    private enum VarianceType
    {
        Small,
        SmallLog,
        Large,
        LargeLog,
        Learned,
        LearnedRange,
    }
}
