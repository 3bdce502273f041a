using Brownian.Diffusion.Configuration;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Multistep DPM-Solver++ on a preconditioned model (Lu et al. 2022, arXiv 2211.01095, with the model of Karras et al. 2022,
/// arXiv 2206.00364; <c>scheduling_edm_dpmsolver_multistep.py</c>).
/// </summary>
public sealed class EdmDpmSolverMultistepScheduler : DpmMultistepScheduler
{
    private readonly EdmPreconditioning _preconditioning;
    private readonly DenoisedLimit _limit;

    /// <param name="config">Settings of this class.</param>
    public EdmDpmSolverMultistepScheduler(SchedulerConfig config)
        : base(config)
    {
        DpmSolverOptions.Check(config, thirdOrderNoise: false);
        EdmPreconditioning.Check(config);
        _preconditioning = new EdmPreconditioning(config);
        _limit = new DenoisedLimit(config);
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "EDMDPMSolverMultistepScheduler",
        "DPM-Solver++, multistep, on a preconditioned model",
        config => new EdmDpmSolverMultistepScheduler(config),
        [
            .. EdmPreconditioning.Options,
            DpmSolverOptions.SolverOrder,
            .. SchedulerOptions.Thresholding,
            DpmSolverOptions.AlgorithmType("dpmsolver++", "sde-dpmsolver++"),
            DpmSolverOptions.SolverType,
            DpmSolverOptions.LowerOrderFinal(true),
            DpmSolverOptions.EulerAtFinal,
        ])
    {
        Purpose = SchedulerPurpose.Edm,
    };

    /// <inheritdoc/>
    public override float InitNoiseSigma => EdmPreconditioning.InitNoiseSigma(Config);

    /// <inheritdoc/>
    public override void ScaleModelInput(ReadOnlySpan<float> sample, Span<float> modelInput) =>
        _preconditioning.ScaleInput(sample, Sigmas[StepIndex], modelInput);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options)
    {
        int steps = options.Steps!.Value;
        float[] sigmas = Config.Choice("sigma_schedule") == "karras"
            ? EdmPreconditioning.KarrasSingle(Config, steps)
            : EdmPreconditioning.Exponential(Config, steps);
        float last = Config.Choice("final_sigmas_type") == "zero" ? 0 : (float)Config.Number("sigma_min");
        return (EdmPreconditioning.Timesteps(sigmas), [.. sigmas, last]);
    }

    /// <summary>The image is not scaled: α is 1.</summary>
    private protected override NoiseLevel LevelOf(float sigma) => new(1, sigma);

    /// <inheritdoc/>
    private protected override void Convert(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, Span<float> destination)
    {
        _preconditioning.Denoise(output, sample, Sigmas[StepIndex], destination);
        _limit.Apply(destination, Run.Images);
    }
}
