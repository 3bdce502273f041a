using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Unified predictor-corrector: every evaluation first corrects the previous step and then predicts the next one (Zhao et al. 2023, arXiv 2302.04867,
/// algorithms 5 to 8; <c>scheduling_unipc_multistep.py</c>).
/// </summary>
public sealed class UniPcMultistepScheduler : SolverScheduler
{
    private const double NotQuiteOne = 1e-6;

    private readonly NoiseSchedule _schedule;
    private readonly int _order;
    private readonly bool _images;
    private readonly bool _plainStep;
    private readonly bool _lowerOrderFinal;
    private readonly double[] _uncorrected;
    private readonly float[] _ratios;
    private readonly float[] _rights;
    private readonly float[,] _system;
    private float[] _last = [];
    private float[] _sum = [];
    private float[] _difference = [];
    private bool _hasLast;
    private int _lastOrder;

    /// <param name="config">Settings of this class.</param>
    public UniPcMultistepScheduler(SchedulerConfig config)
        : base(config, config.Integer("solver_order") + 1, config.Flag("predict_x0") ? PredictionTarget.Image : PredictionTarget.PlainNoise)
    {
        _order = config.Integer("solver_order");
        _images = config.Flag("predict_x0");
        _plainStep = config.Choice("solver_type") == "bh1";
        _lowerOrderFinal = config.Flag("lower_order_final");
        _uncorrected = config.Numbers("disable_corrector")!;
        _ratios = new float[_order];
        _rights = new float[_order];
        _system = new float[_order, _order + 1];
        Check(config);
        _schedule = TrainingSchedule.Create(config, TrainingSchedule.MinAlpha);
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "UniPCMultistepScheduler",
        "Unified predictor-corrector, multistep",
        config => new UniPcMultistepScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            SchedulerOption.Integer("solver_order", 2, 1, 4),
            DpmSolverOptions.PredictionType,
            .. SchedulerOptions.Thresholding,
            SchedulerOption.Flag("predict_x0", true),
            SchedulerOption.Choice("solver_type", "bh2", "bh1", "bh2") with
            {
                Aliases = new Dictionary<string, string> { ["midpoint"] = "bh2", ["heun"] = "bh2", ["logrho"] = "bh2" },
            },
            DpmSolverOptions.LowerOrderFinal(true),
            SchedulerOption.Numbers("disable_corrector", []),
            SchedulerOption.Absent("solver_p"),
            .. SchedulerOptions.SigmaSpacings,
            .. SchedulerOptions.FlowSigmas,
            .. SchedulerOptions.Spacing("linspace"),
            SchedulerOptions.FinalSigmas,
            SchedulerOptions.ZeroTerminalSnr,
            .. SchedulerOptions.DynamicShifting,
            SchedulerOptions.Sigma("sigma_min", null, 0),
            SchedulerOptions.Sigma("sigma_max", null, 0),
            SchedulerOption.Number("shift_terminal", null, 0, 0.9999),
        ]);

    /// <inheritdoc/>
    public override bool TakesSigmas => Config.Flag("use_flow_sigmas") && !Config.Flag("use_karras_sigmas");

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options)
    {
        if (Config.Flag("use_dynamic_shifting") && options.Mu is null)
        {
            throw new FieldFaultException("mu", null, "a number, with use_dynamic_shifting");
        }
        double[] timesteps, sigmas;
        if (TakesSigmas)
        {
            sigmas = FlowSigmas(options);
            timesteps = [.. sigmas.Select(sigma => sigma * _schedule.Length)];
        }
        else
        {
            timesteps = SolverSchedule.Timesteps(Config, _schedule.Length, _schedule.Length, options.Steps!.Value);
            (timesteps, sigmas) = SolverSchedule.Walk(Config, _schedule, timesteps, options.Steps!.Value);
            if (Config.Flag("use_flow_sigmas"))
            {
                sigmas = [.. sigmas.Select(sigma => sigma / (sigma + 1))];
                timesteps = [.. sigmas.Select(sigma => sigma * _schedule.Length)];
            }
        }
        return SolverSchedule.Finish(Config, _order, timesteps, sigmas, SolverSchedule.FinalSigma(Config, _schedule, sigmas, repeatsSpaced: true));
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        int known = Math.Min(Predictions.Count, _order);
        Remember(modelOutput, sample);
        if (StepIndex > 0 && _hasLast && !_uncorrected.Contains(StepIndex - 1))
        {
            Move(StepIndex, _lastOrder, corrects: true, sample);
        }
        int order = _lowerOrderFinal ? Math.Min(_order, Timesteps.Length - StepIndex) : _order;
        _lastOrder = Math.Min(order, known + 1);
        if (_last.Length != sample.Length)
        {
            _last = new float[sample.Length];
            _sum = new float[sample.Length];
            _difference = new float[sample.Length];
        }
        sample.CopyTo(_last);
        _hasLast = true;
        Move(StepIndex + 1, _lastOrder, corrects: false, sample);
    }

    /// <inheritdoc/>
    protected override void Reset()
    {
        base.Reset();
        _hasLast = false;
        _lastOrder = 0;
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer)
    {
        base.SaveHistory(writer);
        writer.Write(_hasLast);
        writer.Write(_lastOrder);
        writer.Write((ReadOnlySpan<float>)_last);
    }

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader)
    {
        base.RestoreHistory(reader);
        _hasLast = reader.ReadBoolean();
        _lastOrder = reader.ReadInt32();
        _last = reader.ReadSingles();
        if (_lastOrder < (_hasLast ? 1 : 0) || _lastOrder > Math.Min(_order, Predictions.Count))
        {
            throw new InvalidDataException($"Saved corrector of order {_lastOrder} does not fit {Predictions.Count} predictions");
        }
        _sum = new float[_last.Length];
        _difference = new float[_last.Length];
    }

    private static void Check(SchedulerConfig config)
    {
        bool flow = config.Flag("use_flow_sigmas"), karras = config.Flag("use_karras_sigmas");
        if (!(flow && karras) || config.Flag("use_exponential_sigmas") || config.Flag("use_beta_sigmas"))
        {
            // Only Karras's sigmas have a flow-matching variant.
            SpacedSigmas.RequireOne(config);
        }
        if (config.NumberOrNull("shift_terminal") is not null && !flow)
        {
            throw config.Refuse("shift_terminal", "null without use_flow_sigmas");
        }
        bool images = config.Flag("predict_x0");
        if (!images && config.Choice("prediction_type") == "flow_prediction")
        {
            throw config.Refuse("prediction_type", "epsilon, sample, v_prediction without predict_x0");
        }
        if (config.Choice("final_sigmas_type") == "zero")
        {
            // λ is infinite there, and only B(h) = e^h - 1 of a first-order step on images is finite.
            string? reason = !images ? "without predict_x0"
                : config.Choice("solver_type") == "bh1" ? "with solver_type bh1"
                : config.Integer("solver_order") > 1 && !config.Flag("lower_order_final") ? "without lower_order_final"
                : null;
            if (reason is not null)
            {
                throw config.Refuse("final_sigmas_type", "sigma_min " + reason);
            }
        }
    }

    private double[] FlowSigmas(SamplingOptions options)
    {
        double[] sigmas;
        if (options.Sigmas is { } given)
        {
            sigmas = [.. given];
            if (sigmas[0] > 1 || sigmas[^1] <= 0)
            {
                throw new FieldFaultException("sigmas", sigmas[0] > 1 ? sigmas[0] : sigmas[^1], "above 0, up to 1, with use_flow_sigmas");
            }
        }
        else
        {
            sigmas = Linspace.Numpy(1, 1.0 / _schedule.Length, options.Steps!.Value + 1)[..^1];
        }
        if (Config.Flag("use_dynamic_shifting"))
        {
            FlowSchedule.ShiftBy(FlowSchedule.ShiftOf(Config, options.Mu!.Value), sigmas, single: false);
        }
        else
        {
            FlowSchedule.Shift(Config.Number("flow_shift"), sigmas, single: false);
        }
        if (!FlowSchedule.Stretch(Config, sigmas, single: false))
        {
            throw new FieldFaultException("steps", sigmas.Length, "2 and above with shift_terminal");
        }
        if (Math.Abs(sigmas[0] - 1) < NotQuiteOne)
        {
            // λ is infinite at 1.
            sigmas[0] -= NotQuiteOne;
        }
        return sigmas;
    }

    /// <summary>Makes a step from the last sample to a level. The corrector repeats it with the prediction at its end.</summary>
    /// <param name="target">The level's index.</param>
    /// <param name="order">The order.</param>
    /// <param name="corrects">Whether the newest prediction is that of the target.</param>
    /// <param name="sample">The sample at the target.</param>
    private void Move(int target, int order, bool corrects, Span<float> sample)
    {
        NoiseLevel end = Levels[target], start = Levels[target - 1];
        float h = end.Lambda - start.Lambda;
        float ratio = _images ? end.Sigma / start.Sigma : end.Alpha / start.Alpha;
        if (h == 0)
        {
            // The reference divides 0 by 0 in its third order here.
            LinearCombination.Of(ratio, _last, sample);
            return;
        }
        float signed = _images ? -h : h;
        float growth = Elementary.TorchExpMinusOne(signed);
        float basis = _plainStep ? signed : growth;
        float alpha = _images ? end.Alpha : end.Sigma;
        Fit(target, order, h, signed, growth, basis, corrects ? order : order - 1, corrects);

        int first = corrects ? 1 : 0;
        ReadOnlySpan<float> origin = Predictions[first];
        LinearCombination.Of(ratio, _last, -(alpha * growth), origin, sample);
        bool empty = true;
        for (int k = 1; k < order; k++)
        {
            TensorPrimitives.Subtract(Predictions[first + k], origin, _difference);
            TensorPrimitives.Divide(_difference, _ratios[k - 1], _difference);
            Accumulate(_rights[k - 1], ref empty);
        }
        if (corrects)
        {
            TensorPrimitives.Subtract(Predictions[0], origin, _difference);
            Accumulate(_rights[order - 1], ref empty);
        }
        if (!empty)
        {
            LinearCombination.Of(1, sample, -(alpha * basis), _sum, sample);
        }
    }

    /// <summary>Adds the weighted difference to the sum.</summary>
    private void Accumulate(float weight, ref bool empty)
    {
        if (empty)
        {
            LinearCombination.Of(weight, _difference, _sum);
        }
        else
        {
            LinearCombination.Of(1, _sum, weight, _difference, _sum);
        }
        empty = false;
    }

    /// <summary>Solves R ρ = b for the weights ρ of the differences (equation 11), into <see cref="_rights"/>.</summary>
    private void Fit(int target, int order, float h, float signed, float growth, float basis, int unknowns, bool corrects)
    {
        float from = Levels[target - 1].Lambda;
        for (int k = 1; k < order; k++)
        {
            _ratios[k - 1] = (Levels[target - 1 - k].Lambda - from) / h;
        }
        _ratios[order - 1] = 1;
        if (corrects ? order == 1 : order == 2)
        {
            // The reference uses the limit for small h here.
            _rights[0] = 0.5f;
            return;
        }
        float phi = growth / signed - 1;
        int factorial = 1;
        for (int i = 0; i < unknowns; i++)
        {
            for (int k = 0; k < unknowns; k++)
            {
                _system[i, k] = Power(_ratios[k], i);
            }
            _system[i, unknowns] = phi * factorial / basis;
            factorial *= i + 2;
            phi = phi / signed - (float)(1.0 / factorial);
        }
        Solve(unknowns, transposed: corrects);
    }

    /// <summary>
    /// LU decomposition in float32 as LAPACK computes it: of the transposed system for the corrector, whose matrix is stored row by row, and of the
    /// system itself for the predictor, whose matrix is part of a larger one.
    /// </summary>
    private void Solve(int unknowns, bool transposed)
    {
        float[,] a = _system;
        Span<int> pivots = stackalloc int[unknowns];
        if (transposed)
        {
            for (int row = 0; row < unknowns; row++)
            {
                for (int column = 0; column < row; column++)
                {
                    (a[row, column], a[column, row]) = (a[column, row], a[row, column]);
                }
            }
        }
        for (int column = 0; column < unknowns; column++)
        {
            int pivot = column;
            for (int row = column + 1; row < unknowns; row++)
            {
                pivot = Math.Abs(a[row, column]) > Math.Abs(a[pivot, column]) ? row : pivot;
            }
            pivots[column] = pivot;
            for (int k = 0; k < unknowns; k++)
            {
                (a[column, k], a[pivot, k]) = (a[pivot, k], a[column, k]);
            }
            float reciprocal = 1 / a[column, column];
            for (int row = column + 1; row < unknowns; row++)
            {
                a[row, column] *= reciprocal;
                for (int k = column + 1; k < unknowns; k++)
                {
                    a[row, k] -= a[row, column] * a[column, k];
                }
            }
        }
        Span<float> x = _rights.AsSpan(0, unknowns);
        for (int i = 0; i < unknowns; i++)
        {
            x[i] = a[i, unknowns];
        }
        if (transposed)
        {
            for (int i = 0; i < unknowns; i++)
            {
                for (int k = 0; k < i; k++)
                {
                    x[i] -= a[k, i] * x[k];
                }
                x[i] /= a[i, i];
            }
            for (int i = unknowns - 1; i >= 0; i--)
            {
                for (int k = i + 1; k < unknowns; k++)
                {
                    x[i] -= a[k, i] * x[k];
                }
            }
            for (int i = unknowns - 1; i >= 0; i--)
            {
                (x[i], x[pivots[i]]) = (x[pivots[i]], x[i]);
            }
            return;
        }
        for (int i = 0; i < unknowns; i++)
        {
            (x[i], x[pivots[i]]) = (x[pivots[i]], x[i]);
        }
        for (int k = 0; k < unknowns; k++)
        {
            for (int i = k + 1; i < unknowns; i++)
            {
                x[i] -= x[k] * a[i, k];
            }
        }
        for (int k = unknowns - 1; k >= 0; k--)
        {
            x[k] /= a[k, k];
            for (int i = 0; i < k; i++)
            {
                x[i] -= x[k] * a[i, k];
            }
        }
    }

    private static float Power(float x, int exponent)
    {
        float power = 1;
        for (int i = 0; i < exponent; i++)
        {
            power *= x;
        }
        return power;
    }
}
