using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Strategic stochastic sampling of trajectory consistency models: down to (1 - η) t_next along the trajectory, then up to t_next with new noise
/// (Zheng et al. 2024, arXiv 2402.19159, algorithm 4; <c>scheduling_tcd.py</c>).
/// </summary>
public sealed class TcdScheduler : ConsistencyDistilledScheduler
{
    private const double DefaultEta = 0.3;

    private float[] _denoised = [];
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public TcdScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "TCDScheduler", "Sampling of trajectory consistency models; eta (0.3) is its randomness", config => new TcdScheduler(config), Options)
    {
        Purpose = SchedulerPurpose.Distilled,
    };

    /// <inheritdoc/>
    public override bool TakesEta => true;

    /// <inheritdoc/>
    protected override bool NamedGridIsWhole => true;

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        if (options.Eta is > 1)
        {
            throw new FieldFaultException("eta", options.Eta, "0..1 with TCDScheduler");
        }
        return base.Plan(options);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_denoised.Length != sample.Length)
        {
            _denoised = new float[sample.Length];
            _noise = new float[sample.Length];
        }
        double eta = Run.Eta ?? DefaultEta;
        int timestep = (int)Timestep, previous = StepIndex + 1 < Timesteps.Length ? (int)Timesteps[StepIndex + 1] : 0;
        int target = (int)MathF.Floor((float)(1 - eta) * previous);
        float alpha = Schedule.AlphasCumulative[timestep];
        float previousAlpha = Schedule.AlphasCumulative[previous], targetAlpha = Schedule.AlphasCumulative[target];
        float root = MklSquareRoot.Of(alpha), spread = MklSquareRoot.Of(1 - alpha);
        LevelPrediction.Denoise(Prediction, root, spread, sample, modelOutput, _denoised);
        LevelPrediction.Noise(Prediction, root, spread, sample, modelOutput, sample);
        LinearCombination.Of(MklSquareRoot.Of(targetAlpha), _denoised, MklSquareRoot.Of(1 - targetAlpha), sample, sample);
        if (eta > 0 && !IsLast)
        {
            noise.FillNormal(_noise);
            float ratio = previousAlpha / targetAlpha;
            LinearCombination.Of(MklSquareRoot.Of(ratio), sample, MklSquareRoot.Of(1 - ratio), _noise, sample);
        }
    }
}
