using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Multistep consistency sampling: each step goes to the clean image and back up with new noise, except the last one (Luo et al. 2023, arXiv
/// 2310.04378, algorithm 3; <c>scheduling_lcm.py</c>).
/// </summary>
public sealed class LcmScheduler : ConsistencyDistilledScheduler
{
    private const float SigmaData = 0.5f;

    private readonly DenoisedLimit _limit;
    private readonly float _scaling;
    private float[] _denoised = [];
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public LcmScheduler(SchedulerConfig config)
        : base(config)
    {
        _limit = new DenoisedLimit(config);
        _scaling = (float)config.Number("timestep_scaling");
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "LCMScheduler", "Multistep sampling of latent consistency models", config => new LcmScheduler(config), Options)
    {
        Purpose = SchedulerPurpose.Distilled,
    };

    /// <inheritdoc/>
    protected override bool NamedGridIsWhole => false;

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_denoised.Length != sample.Length)
        {
            _denoised = new float[sample.Length];
            _noise = new float[sample.Length];
        }
        int timestep = (int)Timestep, previous = StepIndex + 1 < Timesteps.Length ? (int)Timesteps[StepIndex + 1] : timestep;
        float alpha = Schedule.AlphasCumulative[timestep];
        LevelPrediction.Denoise(Prediction, MklSquareRoot.Of(alpha), MklSquareRoot.Of(1 - alpha), sample, modelOutput, _denoised);
        _limit.Apply(_denoised, Run.Images);
        // The boundary condition of consistency models (Song et al. 2023, arXiv 2303.01469, appendix C).
        float scaled = timestep * _scaling, square = scaled * scaled + SigmaData * SigmaData;
        float skip = SigmaData * SigmaData / square, scale = scaled / MklSquareRoot.Of(square);
        LinearCombination.Of(scale, _denoised, skip, sample, sample);
        if (IsLast)
        {
            return;
        }
        noise.FillNormal(_noise);
        float next = Schedule.AlphasCumulative[previous];
        LinearCombination.Of(MklSquareRoot.Of(next), sample, MklSquareRoot.Of(1 - next), _noise, sample);
    }
}
