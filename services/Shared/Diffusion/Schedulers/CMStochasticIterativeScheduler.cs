using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Stochastic iterative sampling of consistency models (Song et al. 2023, arXiv 2303.01469, algorithm 1; <c>scheduling_consistency_models.py</c>) on
/// Karras sigmas. Custom timesteps are indices into the grid of <c>num_train_timesteps</c> sigmas.
/// </summary>
public sealed class CMStochasticIterativeScheduler : Scheduler
{
    private readonly double _smallest;
    private readonly float _largest;
    private readonly float _data;
    private readonly float _noiseScale;
    private readonly bool _clips;
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public CMStochasticIterativeScheduler(SchedulerConfig config)
        : base(config)
    {
        SpacedSigmas.RequireOrder(config.Number("sigma_min"), config.Number("sigma_max"));
        _smallest = config.Number("sigma_min");
        _largest = (float)config.Number("sigma_max");
        _data = (float)config.Number("sigma_data");
        _noiseScale = (float)config.Number("s_noise");
        _clips = config.Flag("clip_denoised");
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "CMStochasticIterativeScheduler",
        "Stochastic iterative sampling of consistency models",
        config => new CMStochasticIterativeScheduler(config),
        [
            SchedulerOptions.TrainTimesteps(40),
            SchedulerOptions.Sigma("sigma_min", 0.002, 1e-12),
            SchedulerOptions.Sigma("sigma_max", 80, 1e-12),
            SchedulerOptions.Sigma("sigma_data", 0.5, 0),
            SchedulerOption.Number("s_noise", 1, 0),
            SchedulerOptions.Rho,
            SchedulerOption.Flag("clip_denoised", true),
        ])
    {
        Purpose = SchedulerPurpose.Consistency,
    };

    /// <inheritdoc/>
    public override float InitNoiseSigma => _largest;

    /// <inheritdoc/>
    public override bool TakesTimesteps => true;

    /// <inheritdoc/>
    public override void ScaleModelInput(ReadOnlySpan<float> sample, Span<float> modelInput)
    {
        float sigma = Sigmas[StepIndex];
        TensorPrimitives.Divide(sample, MklSquareRoot.Of(sigma * sigma + _data * _data), modelInput);
    }

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(1, original, Sigmas[index], noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int train = Config.Integer("num_train_timesteps");
        // Ascending indices: index 0 has the largest sigma.
        double[] places = options.Timesteps is { } given
            ? [.. given.Reverse().Select(Math.Truncate)]
            : [.. Enumerable.Range(0, options.Steps!.Value).Select(i => (double)i * (train / options.Steps.Value))];
        double rho = Config.Number("rho");
        double low = Math.Pow(_smallest, 1 / rho), high = Math.Pow(Config.Number("sigma_max"), 1 / rho);
        double[] sigmas = [.. places.Select(place => Math.Pow(high + place / (train - 1) * (low - high), rho))];
        return (ToSingle([.. sigmas.Select(sigma => 1000 * 0.25 * Math.Log(sigma + 1e-44))]), [.. ToSingle(sigmas), (float)_smallest]);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_noise.Length != sample.Length)
        {
            _noise = new float[sample.Length];
        }
        float sigma = Sigmas[StepIndex], smallest = (float)_smallest;
        // The boundary condition: at sigma_min the result is the sample itself.
        float above = sigma - smallest;
        float skip = _data * _data / (above * above + _data * _data), scale = above * _data / MklSquareRoot.Of(sigma * sigma + _data * _data);
        LinearCombination.Of(scale, modelOutput, skip, sample, sample);
        if (_clips)
        {
            TensorPrimitives.Max(sample, -1f, sample);
            TensorPrimitives.Min(sample, 1f, sample);
        }
        if (Timesteps.Length > 1)
        {
            noise.FillNormal(_noise);
            float next = Math.Clamp(Sigmas[StepIndex + 1], smallest, _largest);
            double square = _smallest * _smallest;
            float spread = MklSquareRoot.Of(MathF.Max(next * next - (float)square, 0));
            LinearCombination.Of(1, sample, _noiseScale * spread, _noise, sample);
        }
    }
}
