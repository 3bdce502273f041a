using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// DDIM run backwards, from an image to the noise that generates it (Mokady et al. 2022, arXiv 2211.09794, section 3.1;
/// <c>scheduling_ddim_inverse.py</c>). Its timesteps ascend.
/// </summary>
public sealed class DdimInverseScheduler : Scheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly DenoisedLimit _limit;
    private readonly float _initialAlpha;
    private readonly PredictionType _prediction;
    private float[] _denoised = [];
    private int _stride;

    /// <param name="config">Settings of this class.</param>
    public DdimInverseScheduler(SchedulerConfig config)
        : base(config)
    {
        _schedule = TrainingSchedule.Create(config);
        _limit = new DenoisedLimit(config);
        _initialAlpha = config.Flag("set_alpha_to_one") ? 1 : _schedule.AlphasCumulative[0];
        _prediction = PredictionTypeOption.Read(config);
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DDIMInverseScheduler",
        "DDIM run backwards, from an image to its noise",
        config => new DdimInverseScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            .. SchedulerOptions.Clipping(true),
            SchedulerOptions.SetAlphaToOne(true),
            SchedulerOptions.StepsOffset,
            SchedulerOptions.PredictionType(),
            SchedulerOption.Choice("timestep_spacing", "leading", "leading", "trailing"),
            SchedulerOptions.ZeroTerminalSnr,
        ])
    {
        Purpose = SchedulerPurpose.Inversion,
    };

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        _schedule.Diffuse((int)Timesteps[index], original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        _stride = _schedule.Length / options.Steps!.Value;
        float[] timesteps = TrainingSchedule.WholeTimesteps(Config, options.Steps.Value);
        if (_initialAlpha == 1 && _prediction == PredictionType.Image && timesteps[^1] < _stride)
        {
            // ε = (x - x0) / sqrt(1 - ᾱ) is undefined at the clean image.
            throw new FieldFaultException("scheduler.set_alpha_to_one", true, "false with prediction_type sample");
        }
        Array.Reverse(timesteps);
        return (timesteps, []);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_denoised.Length != sample.Length)
        {
            _denoised = new float[sample.Length];
        }
        // The model was evaluated at the step's target timestep; the sample is one stride before it.
        int target = (int)Timestep, timestep = Math.Min(target - _stride, _schedule.Length - 1);
        float alpha = timestep >= 0 ? _schedule.AlphasCumulative[timestep] : _initialAlpha;
        float next = _schedule.AlphasCumulative[target];
        float root = MklSquareRoot.Of(alpha), spread = MklSquareRoot.Of(1 - alpha);
        LevelPrediction.Denoise(_prediction, root, spread, sample, modelOutput, _denoised);
        _limit.Apply(_denoised, Run.Images);
        LevelPrediction.Noise(_prediction, root, spread, sample, modelOutput, sample);
        LinearCombination.Of(MklSquareRoot.Of(next), _denoised, MklSquareRoot.Of(1 - next), sample, sample);
    }
}
