using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Stochastic iterative sampling of consistency models (Song et al. 2023, arXiv 2303.01469, algorithm 1;
/// <c>scheduling_consistency_models.py</c>) on Karras sigmas. Custom timesteps are places in the grid of <c>num_train_timesteps</c> sigmas.
/// </summary>
public sealed class CMStochasticIterativeScheduler : Scheduler
{
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public CMStochasticIterativeScheduler(SchedulerConfig config)
        : base(config)
    {
        if (config.Number("sigma_min") > config.Number("sigma_max"))
        {
            throw config.Refuse("sigma_min", "at most sigma_max");
        }
    }

    /// <summary>The class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "CMStochasticIterativeScheduler",
        "Stochastic iterative sampling of consistency models",
        config => new CMStochasticIterativeScheduler(config),
        [
            SchedulerOptions.TrainTimesteps(40),
            SchedulerOption.Number("sigma_min", 0.002, 1e-12),
            SchedulerOption.Number("sigma_max", 80, 1e-12),
            SchedulerOption.Number("sigma_data", 0.5, 0),
            SchedulerOption.Number("s_noise", 1, 0),
            SchedulerOption.Number("rho", 7, 1e-3),
            SchedulerOption.Flag("clip_denoised", true),
        ]);

    /// <inheritdoc/>
    public override float InitNoiseSigma => (float)Config.Number("sigma_max");

    /// <inheritdoc/>
    public override bool TakesTimesteps => true;

    /// <inheritdoc/>
    public override void ScaleModelInput(ReadOnlySpan<float> sample, Span<float> modelInput)
    {
        float sigma = Sigmas[StepIndex], data = (float)Config.Number("sigma_data");
        TensorPrimitives.Divide(sample, MklSquareRoot.Of(sigma * sigma + data * data), modelInput);
    }

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(1, original, Sigmas[index], noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int train = Config.Integer("num_train_timesteps");
        // Growing places: 0 has the largest sigma.
        double[] places = options.Timesteps is { } given
            ? [.. given.Reverse().Select(Math.Truncate)]
            : [.. Enumerable.Range(0, options.Steps!.Value).Select(i => (double)i * (train / options.Steps.Value))];
        double rho = Config.Number("rho");
        double low = Math.Pow(Config.Number("sigma_min"), 1 / rho), high = Math.Pow(Config.Number("sigma_max"), 1 / rho);
        double[] sigmas = [.. places.Select(place => Math.Pow(high + place / (train - 1) * (low - high), rho))];
        return (ToSingle([.. sigmas.Select(sigma => 1000 * 0.25 * Math.Log(sigma + 1e-44))]), [.. ToSingle(sigmas), (float)Config.Number("sigma_min")]);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_noise.Length != sample.Length)
        {
            _noise = new float[sample.Length];
        }
        float sigma = Sigmas[StepIndex], smallest = (float)Config.Number("sigma_min"), data = (float)Config.Number("sigma_data");
        // The boundary condition: at sigma_min the sample itself.
        float above = sigma - smallest;
        float skip = data * data / (above * above + data * data), scale = above * data / MklSquareRoot.Of(sigma * sigma + data * data);
        LinearCombination.Of(scale, modelOutput, skip, sample, sample);
        if (Config.Flag("clip_denoised"))
        {
            TensorPrimitives.Max(sample, -1f, sample);
            TensorPrimitives.Min(sample, 1f, sample);
        }
        if (Timesteps.Length > 1)
        {
            noise.FillNormal(_noise);
            float next = Math.Clamp(Sigmas[StepIndex + 1], smallest, (float)Config.Number("sigma_max"));
            double square = Config.Number("sigma_min") * Config.Number("sigma_min");
            float spread = MklSquareRoot.Of(MathF.Max(next * next - (float)square, 0));
            LinearCombination.Of(1, sample, (float)Config.Number("s_noise") * spread, _noise, sample);
        }
    }
}
