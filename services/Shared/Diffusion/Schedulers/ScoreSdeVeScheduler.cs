using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Predictor-corrector sampling of the variance-exploding SDE (Song et al. 2020, arXiv 2011.13456, algorithms 2 and 4; <c>scheduling_sde_ve.py</c>).
/// Every step needs <c>correct_steps</c> evaluations for the corrector and one for the predictor. Models of this family take sigma instead of the
/// timestep: it is in <see cref="Scheduler.Sigmas"/>, one for each evaluation.
/// </summary>
public sealed class ScoreSdeVeScheduler : Scheduler
{
    private readonly float _ratio;
    private readonly int _evaluations;
    private float[] _levels = [];
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public ScoreSdeVeScheduler(SchedulerConfig config)
        : base(config)
    {
        SpacedSigmas.RequireOrder(config.Number("sigma_min"), config.Number("sigma_max"));
        _ratio = (float)config.Number("snr");
        _evaluations = config.Integer("correct_steps") + 1;
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "ScoreSdeVeScheduler",
        "Predictor-corrector sampling of the variance-exploding SDE",
        config => new ScoreSdeVeScheduler(config),
        [
            SchedulerOptions.TrainTimesteps(2000),
            SchedulerOption.Number("snr", 0.15, 0),
            SchedulerOptions.Sigma("sigma_min", 0.01, 1e-12),
            SchedulerOptions.Sigma("sigma_max", 1348, 1e-12),
            SchedulerOption.Number("sampling_eps", 1e-5, 0, 1),
            SchedulerOption.Integer("correct_steps", 1, 0, 1000),
        ])
    {
        Purpose = SchedulerPurpose.Score,
    };

    /// <inheritdoc/>
    public override int Order => _evaluations;

    /// <inheritdoc/>
    public override float InitNoiseSigma => (float)Config.Number("sigma_max");

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(1, original, _levels[Level(Timesteps[index])], noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int steps = options.Steps!.Value;
        double smallest = Config.Number("sigma_min"), largest = Config.Number("sigma_max");
        _levels = Linspace.Torch((float)Math.Log(smallest), (float)Math.Log(largest), steps);
        foreach (ref float level in _levels.AsSpan())
        {
            level = Elementary.TorchExp(level);
        }
        float[] times = Linspace.Torch(1, (float)Config.Number("sampling_eps"), steps);
        float[] timesteps = [.. times.SelectMany(t => Enumerable.Repeat(t, Order))];
        float[] sigmas = [.. timesteps.Select(t => (float)smallest * MathF.Pow((float)(largest / smallest), t))];
        return (timesteps, [.. sigmas, (float)smallest]);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_noise.Length != sample.Length)
        {
            _noise = new float[sample.Length];
        }
        noise.FillNormal(_noise);
        if ((StepIndex + 1) % Order != 0)
        {
            // Algorithm 4: annealed Langevin dynamics, with a step size that depends on the signal-to-noise ratio.
            float ratio = _ratio * MeanNorm(_noise) / MeanNorm(modelOutput);
            float step = ratio * ratio * 2;
            LinearCombination.Of(1, sample, step, modelOutput, MklSquareRoot.Of(step * 2), _noise, sample);
            return;
        }
        int level = Level(Timestep);
        float sigma = _levels[level], adjacent = level == 0 ? 0 : _levels[level - 1];
        float diffusion = MklSquareRoot.Of(sigma * sigma - adjacent * adjacent);
        LinearCombination.Of(1, sample, diffusion * diffusion, modelOutput, diffusion, _noise, sample);
    }

    private int Level(float timestep) => (int)(timestep * (_levels.Length - 1));

    /// <summary>Returns the mean of the images' Euclidean norms.</summary>
    private float MeanNorm(ReadOnlySpan<float> values)
    {
        int length = values.Length / Run.Images;
        float sum = 0;
        for (int i = 0; i < Run.Images; i++)
        {
            sum += TensorPrimitives.Norm(values.Slice(i * length, length));
        }
        return sum / Run.Images;
    }
}
