using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Multistep DPM-Solver and DPM-Solver++ of orders 1 to 3, deterministic or stochastic (Lu et al. 2022, arXiv 2211.01095, algorithm 2;
/// <c>scheduling_dpmsolver_multistep.py</c>).
/// </summary>
public sealed class DpmSolverMultistepScheduler : DpmMultistepScheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly int _length;

    /// <param name="config">Settings of this class.</param>
    public DpmSolverMultistepScheduler(SchedulerConfig config)
        : base(config)
    {
        DpmSolverOptions.Check(config, thirdOrderNoise: true);
        _schedule = TrainingSchedule.Create(config, TrainingSchedule.MinAlpha);
        _length = SolverSchedule.UsableLength(config, _schedule);
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DPMSolverMultistepScheduler",
        "DPM-Solver and DPM-Solver++, multistep; deterministic or stochastic",
        config => new DpmSolverMultistepScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            DpmSolverOptions.SolverOrder,
            DpmSolverOptions.PredictionType,
            .. SchedulerOptions.Thresholding,
            DpmSolverOptions.AlgorithmType("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++"),
            DpmSolverOptions.SolverType,
            DpmSolverOptions.LowerOrderFinal(true),
            DpmSolverOptions.EulerAtFinal,
            .. SchedulerOptions.SigmaSpacings,
            DpmSolverOptions.LuLambdas,
            .. SchedulerOptions.FlowSigmas,
            SchedulerOptions.FinalSigmas,
            DpmSolverOptions.LambdaMinClipped,
            DpmSolverOptions.VarianceType,
            .. SchedulerOptions.Spacing("linspace"),
            SchedulerOptions.ZeroTerminalSnr,
            .. SchedulerOptions.DynamicShifting,
        ]);

    /// <inheritdoc/>
    public override bool TakesTimesteps => !SolverSchedule.IsSpaced(Config);

    /// <summary>Always float32: the reference draws it before it converts back to the model's type.</summary>
    private protected override NoiseDtype? StepNoise => NoiseDtype.Float32;

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options)
    {
        double[] timesteps = options.Timesteps is { } given
            ? [.. given.Select(Math.Truncate)]
            : SolverSchedule.Timesteps(Config, _schedule.Length, _length, options.Steps!.Value);
        bool keepFractions = Config.Choice("beta_schedule") == "squaredcos_cap_v2";
        (timesteps, double[] sigmas) =
            SolverSchedule.Walk(Config, _schedule, timesteps, options.Steps ?? 0, SolverSchedule.FlowShift(Config, options), keepFractions);
        double last = SolverSchedule.FinalSigma(Config, _schedule, sigmas, repeatsSpaced: false);
        return SolverSchedule.Finish(Config, Config.Integer("solver_order"), timesteps, sigmas, last);
    }
}
