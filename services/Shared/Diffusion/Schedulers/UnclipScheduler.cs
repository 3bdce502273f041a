using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// The ancestral sampler of DALL-E 2's reimplementations (Ramesh et al. 2022, arXiv 2204.06125; <c>scheduling_unclip.py</c>): DDPM on the cosine
/// schedule, with timesteps from T-1 to 0.
/// </summary>
public sealed class UnclipScheduler : Scheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly DenoisedLimit _limit;
    private readonly PredictedVariance _predicted = new();
    private readonly PredictionType _prediction;
    private readonly bool _learned;
    private float[] _denoised = [];
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public UnclipScheduler(SchedulerConfig config)
        : base(config)
    {
        _schedule = TrainingSchedule.Create(
            config, BetaSchedule.Create(config.Choice("beta_schedule"), 0, 1, config.Integer("num_train_timesteps")), "beta_schedule");
        _limit = new DenoisedLimit(config);
        _prediction = PredictionTypeOption.Read(config);
        _learned = config.Choice("variance_type") == "learned_range";
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "UnCLIPScheduler",
        "The ancestral sampler of unCLIP models (Karlo, Kandinsky priors)",
        config => new UnclipScheduler(config),
        [
            SchedulerOptions.TrainTimesteps(1000),
            SchedulerOption.Choice("variance_type", "fixed_small_log", "fixed_small_log", "learned_range"),
            .. SchedulerOptions.Clipping(true),
            SchedulerOptions.PredictionType("epsilon", "sample"),
            SchedulerOption.Choice("beta_schedule", "squaredcos_cap_v2", "squaredcos_cap_v2"),
        ])
    {
        Purpose = SchedulerPurpose.Unclip,
    };

    /// <inheritdoc/>
    /// <remarks>With one step the spacing between timesteps is undefined.</remarks>
    public override int MinimumSteps => 2;

    /// <inheritdoc/>
    public override bool UsesVariances => _learned;

    /// <summary>Returns the standard deviation of a step's noise with fixed variances.</summary>
    /// <param name="timestep">t.</param>
    /// <param name="previousTimestep">The target timestep of the step; below 0 at the end.</param>
    public float Spread(int timestep, int previousTimestep)
    {
        (_, _, float beta, _) = Weights(timestep, previousTimestep);
        return MathF.Exp(0.5f * MathF.Log(MathF.Max(BaseVariance(timestep, previousTimestep, beta), 1e-20f)));
    }

    /// <summary>Returns the logarithm of a step's variance, which the model's prediction selects between its bounds.</summary>
    /// <param name="timestep">t.</param>
    /// <param name="previousTimestep">The target timestep of the step; below 0 at the end.</param>
    /// <param name="predicted">-1..1.</param>
    public float LogVariance(int timestep, int previousTimestep, float predicted)
    {
        (float smallest, float largest) = LogBounds(timestep, previousTimestep);
        float fraction = (predicted + 1) / 2;
        return fraction * largest + (1 - fraction) * smallest;
    }

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        _schedule.Diffuse((int)Timesteps[index], original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int steps = options.Steps!.Value;
        double ratio = (double)(_schedule.Length - 1) / (steps - 1);
        var timesteps = new float[steps];
        for (int i = 0; i < steps; i++)
        {
            timesteps[i] = (float)Math.Round((steps - 1 - i) * ratio, MidpointRounding.ToEven);
        }
        return (timesteps, []);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_denoised.Length != sample.Length)
        {
            _denoised = new float[sample.Length];
            _noise = new float[sample.Length];
        }
        int timestep = (int)Timestep, previous = StepIndex + 1 < Timesteps.Length ? (int)Timesteps[StepIndex + 1] : timestep - 1;
        ReadOnlySpan<float> prediction = _predicted.Split(modelOutput, sample.Length, Run.Images);
        (float alpha, float previousAlpha, float stepBeta, float stepAlpha) = Weights(timestep, previous);
        LevelPrediction.Denoise(_prediction, MklSquareRoot.Of(alpha), MklSquareRoot.Of(1 - alpha), sample, prediction, _denoised);
        _limit.Apply(_denoised, Run.Images);
        float beta = 1 - alpha;
        LinearCombination.Of(
            MklSquareRoot.Of(previousAlpha) * stepBeta / beta, _denoised, MklSquareRoot.Of(stepAlpha) * (1 - previousAlpha) / beta, sample, sample);
        if (timestep == 0)
        {
            return;
        }
        noise.FillNormal(_noise);
        float spread = 1;
        if (_learned)
        {
            (float smallest, float largest) = LogBounds(timestep, previous);
            _predicted.ScaleBetween(smallest, largest, _noise);
        }
        else
        {
            spread = Spread(timestep, previous);
        }
        LinearCombination.Of(1, sample, spread, _noise, sample);
    }

    private (float Alpha, float PreviousAlpha, float StepBeta, float StepAlpha) Weights(int timestep, int previous)
    {
        float alpha = _schedule.AlphasCumulative[timestep], previousAlpha = previous >= 0 ? _schedule.AlphasCumulative[previous] : 1;
        float stepBeta = previous == timestep - 1 ? _schedule.Betas[timestep] : 1 - alpha / previousAlpha;
        return (alpha, previousAlpha, stepBeta, 1 - stepBeta);
    }

    private float BaseVariance(int timestep, int previous, float stepBeta)
    {
        float previousAlpha = previous >= 0 ? _schedule.AlphasCumulative[previous] : 1;
        return (1 - previousAlpha) / (1 - _schedule.AlphasCumulative[timestep]) * stepBeta;
    }

    private (float Smallest, float Largest) LogBounds(int timestep, int previous)
    {
        (_, _, float beta, _) = Weights(timestep, previous);
        return (MathF.Log(BaseVariance(timestep, previous, beta)), MathF.Log(beta));
    }
}
