using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedules;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// DPM-Solver and DPM-Solver++ in groups of one to three evaluations. Each group starts again from the sample before it (Lu et al. 2022, arXiv
/// 2206.00927, algorithms 4 and 5; <c>scheduling_dpmsolver_singlestep.py</c>).
/// </summary>
public sealed class DpmSolverSinglestepScheduler : SolverScheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly int _length;
    private readonly DpmSolverStep _step;
    private readonly int _order;
    private int[] _orders = [];
    private float[] _start = [];

    /// <param name="config">Settings of this class.</param>
    public DpmSolverSinglestepScheduler(SchedulerConfig config)
        : base(config, config.Integer("solver_order"), DpmSolverOptions.Target(config))
    {
        DpmSolverOptions.Check(config, thirdOrderNoise: true);
        _schedule = TrainingSchedule.Create(config);
        _length = SolverSchedule.UsableLength(config, _schedule);
        _step = new DpmSolverStep(config);
        _order = config.Integer("solver_order");
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DPMSolverSinglestepScheduler",
        "DPM-Solver and DPM-Solver++, singlestep",
        config => new DpmSolverSinglestepScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            DpmSolverOptions.SolverOrder,
            DpmSolverOptions.PredictionType,
            .. SchedulerOptions.Thresholding,
            DpmSolverOptions.AlgorithmType("dpmsolver", "dpmsolver++", "sde-dpmsolver++"),
            DpmSolverOptions.SolverType,
            DpmSolverOptions.LowerOrderFinal(false),
            .. SchedulerOptions.SigmaSpacings,
            .. SchedulerOptions.FlowSigmas,
            SchedulerOptions.FinalSigmas,
            DpmSolverOptions.LambdaMinClipped,
            DpmSolverOptions.VarianceType,
            .. SchedulerOptions.DynamicShifting,
        ]);

    /// <inheritdoc/>
    public override bool TakesTimesteps => !SolverSchedule.IsSpaced(Config);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options)
    {
        double[] timesteps = options.Timesteps is { } given
            ? [.. given.Select(Math.Truncate)]
            : SolverSchedule.Timesteps(Config, _schedule.Length, _length, options.Steps!.Value);
        (timesteps, double[] sigmas) =
            SolverSchedule.Walk(Config, _schedule, timesteps, options.Steps ?? 0, SolverSchedule.FlowShift(Config, options));
        double last = SolverSchedule.FinalSigma(Config, _schedule, sigmas, repeatsSpaced: false);
        _orders = Orders(timesteps.Length);
        return SolverSchedule.Finish(Config, _order, timesteps, sigmas, last);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        Remember(modelOutput, sample);
        int order = Math.Min(_orders[StepIndex], Predictions.Count);
        if (order == 1)
        {
            if (_start.Length != sample.Length)
            {
                _start = new float[sample.Length];
            }
            sample.CopyTo(_start);
        }
        _step.Singlestep(Levels, StepIndex, order, Predictions, _start, sample);
        if (_step.IsStochastic)
        {
            AddStepNoise(_step.NoiseWeight, sample, noise, null);
        }
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer)
    {
        base.SaveHistory(writer);
        writer.Write((ReadOnlySpan<float>)_start);
    }

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader)
    {
        base.RestoreHistory(reader);
        _start = reader.ReadSingles();
    }

    /// <summary>Returns the order of each evaluation: groups 1, 2, .. up to the method's order; the last groups are shorter when needed.</summary>
    private int[] Orders(int steps)
    {
        bool toZero = Config.Choice("final_sigmas_type") == "zero";
        int[] orders = [.. Enumerable.Range(0, steps).Select(i => i % _order + 1)];
        // Incomplete groups end with a lower order anyway.
        if (toZero || (Config.Flag("lower_order_final") && steps % _order == 0))
        {
            orders[^1] = 1;
        }
        return orders;
    }
}
