using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// DPM-Solver++ from the image to the noise (<c>scheduling_dpmsolver_multistep_inverse.py</c>). Evaluations with the same rounded timestep as another
/// one are left out, but their sigmas are not, as in the reference. <see cref="Scheduler.Sigmas"/> may therefore contain more than one element beyond
/// the number of evaluations.
/// </summary>
public sealed class DpmSolverMultistepInverseScheduler : DpmMultistepScheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly int _length;

    /// <param name="config">Settings of this class.</param>
    public DpmSolverMultistepInverseScheduler(SchedulerConfig config)
        : base(config)
    {
        DpmSolverOptions.Check(config, thirdOrderNoise: false);
        _schedule = TrainingSchedule.Create(config);
        _length = SolverSchedule.UsableLength(config, _schedule);
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DPMSolverMultistepInverseScheduler",
        "DPM-Solver++ from the image to the noise, for inversion",
        config => new DpmSolverMultistepInverseScheduler(config),
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
            .. SchedulerOptions.FlowSigmas,
            DpmSolverOptions.LambdaMinClipped,
            DpmSolverOptions.VarianceType,
            .. SchedulerOptions.Spacing("linspace"),
        ])
    {
        Purpose = SchedulerPurpose.Inversion,
    };

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options)
    {
        double[] timesteps = SolverSchedule.Timesteps(Config, _schedule.Length, _length, options.Steps!.Value, ascending: true);
        (timesteps, double[] sigmas) =
            SolverSchedule.Walk(Config, _schedule, timesteps, options.Steps!.Value, Config.Number("flow_shift"), ascending: true);
        double last = SolverSchedule.IsSpaced(Config) ? sigmas[^1] : _schedule.Sigmas[_length - 1];
        // Karras's timesteps are already integers; those of the other spacings are truncated only after duplicates were removed.
        return SolverSchedule.Finish(Config, Config.Integer("solver_order"), [.. timesteps.Distinct()], sigmas, last);
    }
}
