using System.Numerics.Tensors;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Euler's method on a preconditioned model (Karras et al. 2022, arXiv 2206.00364, algorithm 2 without churn; <c>scheduling_edm_euler.py</c>).
/// </summary>
public sealed class EdmEulerScheduler : Scheduler
{
    private readonly EdmPreconditioning _preconditioning;
    private float[] _slope = [];

    /// <param name="config">Settings of this class.</param>
    public EdmEulerScheduler(SchedulerConfig config)
        : base(config)
    {
        EdmPreconditioning.Check(config);
        _preconditioning = new EdmPreconditioning(config);
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "EDMEulerScheduler",
        "Euler's method on a preconditioned model",
        config => new EdmEulerScheduler(config),
        EdmPreconditioning.Options)
    {
        Purpose = SchedulerPurpose.Edm,
    };

    /// <inheritdoc/>
    public override float InitNoiseSigma => EdmPreconditioning.InitNoiseSigma(Config);

    /// <inheritdoc/>
    public override void ScaleModelInput(ReadOnlySpan<float> sample, Span<float> modelInput) =>
        _preconditioning.ScaleInput(sample, Sigmas[StepIndex], modelInput);

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(1, original, Sigmas[index], noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int steps = options.Steps!.Value;
        float[] sigmas = Config.Choice("sigma_schedule") == "karras"
            ? EdmPreconditioning.Karras(Config, steps)
            : EdmPreconditioning.Exponential(Config, steps);
        float last = Config.Choice("final_sigmas_type") == "zero" ? 0 : sigmas[^1];
        return (EdmPreconditioning.Timesteps(sigmas), [.. sigmas, last]);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_slope.Length != sample.Length)
        {
            _slope = new float[sample.Length];
        }
        float sigma = Sigmas[StepIndex];
        // Not computed as one combination: when the noise is far above the image, the roundings must be the reference's.
        _preconditioning.Denoise(modelOutput, sample, sigma, _slope);
        TensorPrimitives.Subtract(sample, _slope, _slope);
        TensorPrimitives.Divide(_slope, sigma, _slope);
        LinearCombination.Of(1, sample, Sigmas[StepIndex + 1] - sigma, _slope, sample);
    }
}
