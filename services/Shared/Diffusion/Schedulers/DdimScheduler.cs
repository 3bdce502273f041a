using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Denoising diffusion implicit models (Song et al. 2020, arXiv 2010.02502, equation 12; <c>scheduling_ddim.py</c>).</summary>
public class DdimScheduler : Scheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly float _finalAlpha;
    private readonly DynamicThreshold? _threshold;
    private readonly float? _clip;
    private float[] _predicted = [];
    private float[] _noise = [];
    private int _stride;

    /// <param name="config">Settings of this class.</param>
    public DdimScheduler(SchedulerConfig config)
        : base(config)
    {
        _schedule = TrainingSchedule.Create(config);
        _finalAlpha = config.Flag("set_alpha_to_one") ? 1 : _schedule.AlphasCumulative[0];
        _threshold = config.Flag("thresholding") ? new DynamicThreshold(config) : null;
        _clip = config.Flag("clip_sample") && _threshold is null ? (float)config.Number("clip_sample_range") : null;
    }

    /// <summary>The class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DDIMScheduler",
        "Denoising diffusion implicit models; deterministic unless eta is above 0",
        config => new DdimScheduler(config),
        Options);

    /// <inheritdoc/>
    public override bool TakesEta => true;

    /// <summary>The options of this class and of its parallel twin.</summary>
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

    /// <summary>The variance σ_t² of a step at η = 1 (equation 16).</summary>
    /// <param name="timestep">t.</param>
    /// <param name="previousTimestep">The timestep the step goes to; below 0 at the end.</param>
    public float Variance(int timestep, int previousTimestep)
    {
        float alpha = _schedule.AlphasCumulative[timestep];
        float previous = AlphaOrFinal(previousTimestep);
        return (1 - previous) / (1 - alpha) * (1 - alpha / previous);
    }

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index)
    {
        float alpha = _schedule.AlphasCumulative[(int)Timesteps[index]];
        LinearCombination.Of(MathF.Sqrt(alpha), original, MathF.Sqrt(1 - alpha), noise, destination);
    }

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int train = _schedule.Length, steps = options.Steps!.Value;
        _stride = train / steps;
        double[] timesteps = Config.Word("timestep_spacing") switch
        {
            "linspace" => [.. TimestepSpacing.Linspaced(train, steps).Select(t => Math.Round(t, MidpointRounding.ToEven))],
            "leading" => TimestepSpacing.Leading(train, steps, Config.Integer("steps_offset")),
            _ => TimestepSpacing.Trailing(train, steps),
        };
        if (timesteps[0] >= train)
        {
            throw new FieldFaultException("scheduler.steps_offset", Config.Integer("steps_offset"), $"at most {train - 1 - (steps - 1) * _stride} with {steps} steps");
        }
        return (ToSingle(timesteps), []);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_predicted.Length != sample.Length)
        {
            _predicted = new float[sample.Length];
        }
        int timestep = (int)Timestep;
        // Not the next timestep of the list: the reference steps back by a fixed stride.
        int previousTimestep = timestep - _stride;
        float alpha = _schedule.AlphasCumulative[timestep], previous = AlphaOrFinal(previousTimestep);
        float rootAlpha = MathF.Sqrt(alpha), rootBeta = MathF.Sqrt(1 - alpha);
        float sigma = (float)(Run.Eta ?? 0) * MathF.Sqrt(Variance(timestep, previousTimestep));
        float direction = MathF.Sqrt(1 - previous - sigma * sigma), rootPrevious = MathF.Sqrt(previous);

        string prediction = Config.Word("prediction_type");
        switch (prediction)
        {
            case "epsilon":
                LinearCombination.Of(1 / rootAlpha, sample, -rootBeta / rootAlpha, modelOutput, _predicted);
                break;
            case "sample":
                modelOutput.CopyTo(_predicted);
                break;
            default:
                LinearCombination.Of(rootAlpha, sample, -rootBeta, modelOutput, _predicted);
                break;
        }
        _threshold?.Apply(_predicted, Run.Images);
        if (_clip is { } range)
        {
            TensorPrimitives.Max<float>(_predicted, -range, _predicted);
            TensorPrimitives.Min<float>(_predicted, range, _predicted);
        }
        switch (prediction)
        {
            case "epsilon":
                LinearCombination.Of(rootPrevious, _predicted, direction, modelOutput, sample);
                break;
            case "sample":
                // ε = (x - sqrt(ᾱ) x0) / sqrt(1 - ᾱ) with the model's x0, not the clipped one.
                LinearCombination.Of(rootPrevious, _predicted, direction / rootBeta, sample, -direction * rootAlpha / rootBeta, modelOutput, sample);
                break;
            default:
                LinearCombination.Of(rootPrevious, _predicted, direction * rootAlpha, modelOutput, direction * rootBeta, sample, sample);
                break;
        }
        if (sigma > 0)
        {
            if (_noise.Length != sample.Length)
            {
                _noise = new float[sample.Length];
            }
            noise.FillNormal(_noise);
            LinearCombination.Of(1, sample, sigma, _noise, sample);
        }
    }

    private float AlphaOrFinal(int timestep) => timestep >= 0 ? _schedule.AlphasCumulative[timestep] : _finalAlpha;
}
