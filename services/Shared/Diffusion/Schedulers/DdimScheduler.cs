using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Denoising diffusion implicit models (Song et al. 2020, arXiv 2010.02502, equation 12; <c>scheduling_ddim.py</c>).</summary>
public class DdimScheduler : Scheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly DenoisedLimit _limit;
    private readonly float _finalAlpha;
    private readonly PredictionType _prediction;
    private float[] _denoised = [];
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public DdimScheduler(SchedulerConfig config)
        : base(config)
    {
        _schedule = TrainingSchedule.Create(config);
        _limit = new DenoisedLimit(config);
        _finalAlpha = config.Flag("set_alpha_to_one") ? 1 : _schedule.AlphasCumulative[0];
        _prediction = PredictionTypeOption.Read(config);
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DDIMScheduler",
        "Denoising diffusion implicit models; deterministic unless eta is above 0",
        config => new DdimScheduler(config),
        Options);

    /// <inheritdoc/>
    public override bool TakesEta => true;

    /// <summary>The options of this class and of its parallel variant.</summary>
    protected static IReadOnlyList<SchedulerOption> Options =>
    [
        .. SchedulerOptions.Betas(0.0001, 0.02),
        .. SchedulerOptions.Clipping(true),
        SchedulerOptions.SetAlphaToOne(true),
        SchedulerOptions.PredictionType(),
        .. SchedulerOptions.Thresholding,
        .. SchedulerOptions.Spacing("leading"),
        SchedulerOptions.ZeroTerminalSnr,
    ];

    /// <summary>ᾱ_t, t = 0 .. T-1.</summary>
    protected ReadOnlySpan<float> AlphasCumulative => _schedule.AlphasCumulative;

    /// <summary>The size of a step in timesteps. A step does not go to the next timestep of the list: the reference uses a fixed stride.</summary>
    protected int Stride { get; private set; }

    /// <summary>The variance σ_t² of a step at η = 1 (equation 16).</summary>
    /// <param name="timestep">t.</param>
    /// <param name="previousTimestep">The target timestep of the step; below 0 at the end.</param>
    public float Variance(int timestep, int previousTimestep)
    {
        float alpha = AlphasCumulative[timestep];
        float previous = AlphaOrFinal(previousTimestep);
        return (1 - previous) / (1 - alpha) * (1 - alpha / previous);
    }

    /// <inheritdoc/>
    public override bool TakesUnconditional => true;

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        _schedule.Diffuse((int)Timesteps[index], original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        Stride = _schedule.Length / options.Steps!.Value;
        return (TrainingSchedule.WholeTimesteps(Config, options.Steps.Value), []);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise) =>
        Advance(modelOutput, modelOutput, sample, noise);

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, ReadOnlySpan<float> unconditional, Span<float> sample, INoiseGenerator noise)
    {
        int timestep = (int)Timestep, previousTimestep = timestep - Stride;
        float eta = (float)(Run.Eta ?? 0);
        float sigma = eta * MklSquareRoot.Of(Variance(timestep, previousTimestep));
        Move(AlphasCumulative[timestep], AlphaOrFinal(previousTimestep), sigma, modelOutput, unconditional, sample, Run.Images);
        if (eta > 0)
        {
            if (_noise.Length != sample.Length)
            {
                _noise = new float[sample.Length];
            }
            noise.FillNormal(_noise);
            LinearCombination.Of(1, sample, sigma, _noise, sample);
        }
    }

    /// <summary>Equation 12 without its noise.</summary>
    /// <param name="alpha">ᾱ of the evaluation.</param>
    /// <param name="previous">ᾱ of the step's target.</param>
    /// <param name="sigma">The standard deviation of the noise that is added afterwards.</param>
    /// <param name="modelOutput">Has the sample's length.</param>
    /// <param name="unconditional">The output that determines the noise; equal to <paramref name="modelOutput"/> except with CFG++.</param>
    /// <param name="sample">Changed in place.</param>
    /// <param name="images">The number of images in the tensor.</param>
    protected void Move(
        float alpha, float previous, float sigma, ReadOnlySpan<float> modelOutput, ReadOnlySpan<float> unconditional, Span<float> sample, int images)
    {
        if (_denoised.Length != sample.Length)
        {
            _denoised = new float[sample.Length];
        }
        float root = MklSquareRoot.Of(alpha), spread = MklSquareRoot.Of(1 - alpha);
        LevelPrediction.Denoise(_prediction, root, spread, sample, modelOutput, _denoised);
        _limit.Apply(_denoised, images);
        float direction = MklSquareRoot.Of(1 - previous - sigma * sigma);
        // ε is computed from the model's output and not from x0, which may be clipped.
        LevelPrediction.Noise(_prediction, root, spread, sample, unconditional, sample);
        LinearCombination.Of(MklSquareRoot.Of(previous), _denoised, direction, sample, sample);
    }

    private float AlphaOrFinal(int timestep) => timestep >= 0 ? AlphasCumulative[timestep] : _finalAlpha;
}
