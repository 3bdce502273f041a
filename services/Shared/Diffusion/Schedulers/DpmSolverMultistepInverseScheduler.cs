using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// DPM-Solver++ from the picture up to the noise (<c>scheduling_dpmsolver_multistep_inverse.py</c>). Evaluations whose rounded timestep
/// another one has already are left out, their sigmas are not, as in the reference: <see cref="Scheduler.Sigmas"/> may be longer than one more
/// than the evaluations.
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

    /// <summary>The class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DPMSolverMultistepInverseScheduler",
        "DPM-Solver++ from the picture to the noise, for inversion",
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
        ]);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options)
    {
        double[] timesteps = SolverSchedule.Timesteps(Config, _schedule.Length, _length, options.Steps!.Value, ascending: true);
        (timesteps, double[] sigmas) =
            SolverSchedule.Walk(Config, _schedule, timesteps, options.Steps!.Value, Config.Number("flow_shift"), ascending: true);
        double last = SolverSchedule.IsSpaced(Config) ? sigmas[^1] : _schedule.Sigmas[_length - 1];
        // Karras's timesteps are whole by now, those of the other spacings are cut off only after equal ones were left out.
        return SolverSchedule.Finish(Config, Config.Integer("solver_order"), [.. timesteps.Distinct()], sigmas, last);
    }
}
