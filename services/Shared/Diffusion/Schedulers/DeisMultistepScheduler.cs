using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Diffusion exponential integrator sampler, multistep, polynomials in ln ρ with ρ = σ / α (Zhang and Chen 2022, arXiv 2204.13902,
/// section 4; <c>scheduling_deis_multistep.py</c>).
/// </summary>
public sealed class DeisMultistepScheduler : SolverScheduler
{
    private readonly NoiseSchedule _schedule;
    private readonly int _order;
    private readonly bool _lowerOrderFinal;

    /// <param name="config">Settings of this class.</param>
    public DeisMultistepScheduler(SchedulerConfig config)
        : base(config, config.Integer("solver_order"), PredictionTarget.NoiseByImage)
    {
        SpacedSigmas.RequireOne(config);
        _schedule = TrainingSchedule.Create(config);
        _order = config.Integer("solver_order");
        _lowerOrderFinal = config.Flag("lower_order_final");
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DEISMultistepScheduler",
        "Diffusion exponential integrator sampler, multistep",
        config => new DeisMultistepScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            DpmSolverOptions.SolverOrder,
            DpmSolverOptions.PredictionType,
            .. SchedulerOptions.Thresholding,
            SchedulerOption.Choice("algorithm_type", "deis", "deis") with
            {
                Aliases = new Dictionary<string, string> { ["dpmsolver"] = "deis", ["dpmsolver++"] = "deis" },
            },
            SchedulerOption.Choice("solver_type", "logrho", "logrho") with
            {
                Aliases = new Dictionary<string, string> { ["midpoint"] = "logrho", ["heun"] = "logrho", ["bh1"] = "logrho", ["bh2"] = "logrho" },
            },
            DpmSolverOptions.LowerOrderFinal(true),
            .. SchedulerOptions.SigmaSpacings,
            .. SchedulerOptions.FlowSigmas,
            .. SchedulerOptions.Spacing("linspace"),
            .. SchedulerOptions.DynamicShifting,
        ]);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options)
    {
        double[] timesteps = SolverSchedule.Timesteps(Config, _schedule.Length, _schedule.Length, options.Steps!.Value);
        (timesteps, double[] sigmas) =
            SolverSchedule.Walk(Config, _schedule, timesteps, options.Steps!.Value, SolverSchedule.FlowShift(Config, options));
        return SolverSchedule.Finish(Config, _order, timesteps, sigmas, SolverSchedule.FinalSigma(Config, _schedule, sigmas, repeatsSpaced: true));
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        Remember(modelOutput, sample);
        int left = Timesteps.Length - StepIndex;
        bool few = _lowerOrderFinal && HasFewSteps;
        int order = Math.Min(Math.Min(_order, Predictions.Count), few ? left : _order);
        NoiseLevel target = Levels[StepIndex + 1], start = Levels[StepIndex];
        float next = Rho(target), newest = Rho(start);
        if (order == 1)
        {
            float growth = Elementary.TorchExp(target.Lambda - start.Lambda) - 1;
            LinearCombination.Of(target.Alpha / start.Alpha, sample, -(target.Sigma * growth), Predictions[0], sample);
            return;
        }
        TensorPrimitives.Divide(sample, start.Alpha, sample);
        switch (order)
        {
            case 2:
                float second = Rho(Levels[StepIndex - 1]);
                LinearCombination.Of(
                    1, sample,
                    Integral(next, newest, second) - Integral(newest, newest, second), Predictions[0],
                    Integral(next, second, newest) - Integral(newest, second, newest), Predictions[1],
                    sample);
                break;
            default:
                float middle = Rho(Levels[StepIndex - 1]), oldest = Rho(Levels[StepIndex - 2]);
                LinearCombination.Of(
                    1, sample,
                    Integral(next, newest, middle, oldest) - Integral(newest, newest, middle, oldest), Predictions[0],
                    Integral(next, middle, oldest, newest) - Integral(newest, middle, oldest, newest), Predictions[1],
                    Integral(next, oldest, newest, middle) - Integral(newest, oldest, newest, middle), Predictions[2],
                    sample);
                break;
        }
        TensorPrimitives.Multiply(sample, target.Alpha, sample);
    }

    private static float Rho(NoiseLevel level) => level.Sigma / level.Alpha;

    /// <summary>∫ (ln ρ - ln c) / (ln b - ln c) dρ, a basis polynomial of two points, at ρ = t.</summary>
    private static float Integral(float t, float b, float c)
    {
        float logB = Elementary.NumpyLog(b), logC = Elementary.NumpyLog(c);
        return t * (-logC + Elementary.NumpyLog(t) - 1) / (logB - logC);
    }

    /// <summary>∫ (ln ρ - ln c) (ln ρ - ln d) / ((ln b - ln c) (ln b - ln d)) dρ, a basis polynomial of three points, at ρ = t.</summary>
    private static float Integral(float t, float b, float c, float d)
    {
        float logT = Elementary.NumpyLog(t), logB = Elementary.NumpyLog(b), logC = Elementary.NumpyLog(c), logD = Elementary.NumpyLog(d);
        float numerator = t * (logC * (logD - logT + 1) - logD * logT + logD + logT * logT - 2 * logT + 2);
        return numerator / ((logB - logC) * (logB - logD));
    }
}
