using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Stochastic Adams solver: a predictor and a corrector over past predictions, with noise of strength τ, which is 1 for timesteps of 200 to 800 and 0
/// otherwise (Xue et al. 2023, arXiv 2309.05019, algorithm 1; <c>scheduling_sasolver.py</c>).
/// </summary>
public sealed class SaSolverScheduler : SolverScheduler
{
    private const int FirstNoisy = 200, LastNoisy = 800;
    private const int MaxPoints = 4;

    private readonly NoiseSchedule _schedule;
    private readonly int _length;
    private readonly int _predictorOrder;
    private readonly int _correctorOrder;
    private readonly bool _images;
    private readonly bool _lowerOrderFinal;
    private readonly float[] _weights = new float[MaxPoints];
    private readonly float[] _lambdas = new float[MaxPoints];
    private readonly float[] _basis = new float[MaxPoints];
    private float[] _last = [];
    private float[] _lastNoise = [];
    private float[] _gradient = [];
    private bool _hasLast;
    private int _nextCorrectorOrder;

    /// <param name="config">Settings of this class.</param>
    public SaSolverScheduler(SchedulerConfig config)
        : base(
            config, Remembered(config) + 1,
            config.Choice("algorithm_type") == "data_prediction" ? PredictionTarget.Image : PredictionTarget.Noise)
    {
        SpacedSigmas.RequireOne(config);
        _images = config.Choice("algorithm_type") == "data_prediction";
        if (!_images && config.Choice("prediction_type") == "flow_prediction")
        {
            throw config.Refuse("prediction_type", "epsilon, sample, v_prediction with algorithm_type noise_prediction");
        }
        _schedule = TrainingSchedule.Create(config);
        _length = SolverSchedule.UsableLength(config, _schedule);
        _predictorOrder = config.Integer("predictor_order");
        _correctorOrder = config.Integer("corrector_order");
        _lowerOrderFinal = config.Flag("lower_order_final");
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "SASolverScheduler",
        "Stochastic Adams solver",
        config => new SaSolverScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            SchedulerOption.Integer("predictor_order", 2, 1, MaxPoints),
            SchedulerOption.Integer("corrector_order", 2, 1, MaxPoints),
            DpmSolverOptions.PredictionType,
            SchedulerOption.Absent("tau_func"),
            .. SchedulerOptions.Thresholding,
            SchedulerOption.Choice("algorithm_type", "data_prediction", "data_prediction", "noise_prediction"),
            DpmSolverOptions.LowerOrderFinal(true),
            .. SchedulerOptions.SigmaSpacings,
            .. SchedulerOptions.FlowSigmas,
            DpmSolverOptions.LambdaMinClipped,
            DpmSolverOptions.VarianceType,
            .. SchedulerOptions.Spacing("linspace"),
        ]);

    /// <summary>Adds noise to a clean image as at the training timestep of an evaluation, independent of the run's sigmas.</summary>
    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        _schedule.Diffuse(Math.Min((int)Timesteps[index], _schedule.Length - 1), original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options)
    {
        double[] timesteps = SolverSchedule.Timesteps(Config, _schedule.Length, _length, options.Steps!.Value);
        (timesteps, double[] sigmas) = SolverSchedule.Walk(Config, _schedule, timesteps, options.Steps!.Value, Config.Number("flow_shift"));
        double last = SolverSchedule.FinalSigma(Config, _schedule, sigmas, repeatsSpaced: true);
        return SolverSchedule.Finish(Config, Math.Max(_predictorOrder, _correctorOrder), timesteps, sigmas, last);
    }

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        int known = Math.Min(Predictions.Count, Remembered(Config));
        Remember(modelOutput, sample);
        if (StepIndex > 0 && _hasLast)
        {
            Move(StepIndex, StepIndex, _nextCorrectorOrder, Tau(StepIndex - 1), _last, sample);
        }
        if (_last.Length != sample.Length)
        {
            _last = new float[sample.Length];
            _lastNoise = new float[sample.Length];
            _gradient = new float[sample.Length];
        }
        noise.FillNormal(_lastNoise);
        int left = Timesteps.Length - StepIndex;
        int predictorOrder = Math.Min(_lowerOrderFinal ? Math.Min(_predictorOrder, left) : _predictorOrder, known + 1);
        _nextCorrectorOrder = Math.Min(_lowerOrderFinal ? Math.Min(_correctorOrder, left + 1) : _correctorOrder, known + 2);
        sample.CopyTo(_last);
        _hasLast = true;
        Move(StepIndex + 1, StepIndex, predictorOrder, Tau(StepIndex), _last, sample);
    }

    /// <inheritdoc/>
    protected override void Reset()
    {
        base.Reset();
        _hasLast = false;
        _nextCorrectorOrder = 0;
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer)
    {
        base.SaveHistory(writer);
        writer.Write(_hasLast);
        writer.Write(_nextCorrectorOrder);
        writer.Write((ReadOnlySpan<float>)_last);
        writer.Write((ReadOnlySpan<float>)_lastNoise);
    }

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader)
    {
        base.RestoreHistory(reader);
        _hasLast = reader.ReadBoolean();
        _nextCorrectorOrder = reader.ReadInt32();
        _last = reader.ReadSingles();
        _lastNoise = reader.ReadSingles();
        // The corrector uses the prediction that the next evaluation adds.
        int most = Math.Min(_correctorOrder, Predictions.Count + 1);
        if (_nextCorrectorOrder < (_hasLast ? 1 : 0) || _nextCorrectorOrder > most || _lastNoise.Length != _last.Length)
        {
            throw new InvalidDataException($"Saved corrector of order {_nextCorrectorOrder} does not fit {Predictions.Count} predictions");
        }
        _gradient = new float[_last.Length];
    }

    private static int Remembered(SchedulerConfig config) => Math.Max(config.Integer("predictor_order"), config.Integer("corrector_order") - 1);

    private int Tau(int index) => Timesteps[index] is >= FirstNoisy and <= LastNoisy ? 1 : 0;

    /// <summary>Makes one step to a level with its noise.</summary>
    /// <param name="target">The level's index.</param>
    /// <param name="newest">The index of the newest prediction: the target's when correcting, otherwise the one before it.</param>
    /// <param name="order">The number of predictions used.</param>
    /// <param name="tau">τ, 0 or 1.</param>
    /// <param name="from">The sample at the level before the target.</param>
    /// <param name="to">The sample at the target.</param>
    private void Move(int target, int newest, int order, int tau, ReadOnlySpan<float> from, Span<float> to)
    {
        NoiseLevel end = Levels[target], start = Levels[target - 1];
        float h = end.Lambda - start.Lambda;
        int power = 1 + tau * tau;
        for (int i = 0; i < order; i++)
        {
            _lambdas[i] = Levels[newest - i].Lambda;
        }
        Span<float> weights = _weights.AsSpan(0, order);
        Integrate(start.Lambda, end.Lambda, power, weights);

        float sampleWeight, noiseWeight;
        if (_images)
        {
            if (order == 2)
            {
                AddSecondOrderLimit(target == newest, start.Lambda, end.Lambda, h, power, weights);
            }
            float scale = power * end.Sigma * Elementary.TorchExp(-(tau * tau) * end.Lambda);
            foreach (ref float weight in weights)
            {
                weight = scale * weight;
            }
            sampleWeight = Elementary.TorchExp(-(tau * tau) * h) * (end.Sigma / start.Sigma);
            noiseWeight = end.Sigma * MklSquareRoot.Of(1 - Elementary.TorchExp(-2 * (tau * tau) * h));
        }
        else
        {
            foreach (ref float weight in weights)
            {
                weight = -power * end.Alpha * weight;
            }
            sampleWeight = end.Alpha / start.Alpha;
            noiseWeight = tau * end.Sigma * MklSquareRoot.Of(Elementary.TorchExp(2 * h) - 1);
        }
        Predictions.Combine(weights, _gradient);
        LinearCombination.Of(sampleWeight, from, 1, _gradient, noiseWeight, _lastNoise, to);
    }

    /// <summary>
    /// Adjusts the second-order coefficients. The reference replaces them by coefficients whose difference to the exact integrals vanishes with h
    /// (equations 18 and 19, as UniPC's B(h) does).
    /// </summary>
    private void AddSecondOrderLimit(bool corrects, float start, float end, float h, int power, Span<float> weights)
    {
        float exponential = Elementary.TorchExp(power * end);
        float exact = h * power - 1 + Elementary.TorchExp(power * -h);
        float change = corrects
            ? exponential * (h / 2 - exact / (power * power * h))
            : exponential * (h * h / 2 - exact / (power * power)) / (start - _lambdas[1]);
        weights[0] += change;
        weights[1] -= change;
    }

    /// <summary>Computes the integrals of the basis polynomials through the predictions' λ, weighted with the exponential of the method.</summary>
    private void Integrate(float start, float end, int power, Span<float> integrals)
    {
        int order = integrals.Length;
        for (int degree = 0; degree < order; degree++)
        {
            _basis[degree] = _images ? Positive(degree, start, end, power) : Negative(degree, start, end);
        }
        Span<float> coefficients = stackalloc float[MaxPoints];
        for (int i = 0; i < order; i++)
        {
            Lagrange(i, order, coefficients);
            float sum = 0;
            for (int j = 0; j < order; j++)
            {
                sum += coefficients[j] * _basis[order - 1 - j];
            }
            integrals[i] = sum;
        }
    }

    /// <summary>Computes the coefficients of a Lagrange basis polynomial, the highest power first.</summary>
    private void Lagrange(int index, int order, Span<float> coefficients)
    {
        Span<float> others = stackalloc float[MaxPoints];
        float denominator = 1;
        int count = 0;
        for (int i = 0; i < order; i++)
        {
            if (i != index)
            {
                others[count] = _lambdas[i];
                denominator = count == 0 ? _lambdas[index] - _lambdas[i] : denominator * (_lambdas[index] - _lambdas[i]);
                count++;
            }
        }
        float a = others[0], b = others[1], c = others[2];
        coefficients[0] = 1 / denominator;
        switch (order)
        {
            case 2:
                coefficients[1] = -a / denominator;
                break;
            case 3:
                coefficients[1] = (-a - b) / denominator;
                coefficients[2] = a * b / denominator;
                break;
            case 4:
                coefficients[1] = (-a - b - c) / denominator;
                coefficients[2] = (a * b + a * c + b * c) / denominator;
                coefficients[3] = -a * b * c / denominator;
                break;
        }
    }

    /// <summary>∫ e^-λ λ^degree dλ.</summary>
    private static float Negative(int degree, float start, float end) =>
        Elementary.TorchExp(-end) * (Falling(degree, start) * Elementary.TorchExp(end - start) - Falling(degree, end));

    /// <summary>∫ e^(p λ) λ^degree dλ with p = 1 + τ².</summary>
    private static float Positive(int degree, float start, float end, int power)
    {
        float last = power * end, first = power * start;
        float decay = Elementary.TorchExp(-(last - first));
        float difference = degree == 0 ? 1 - decay : Rising(degree, last) - Rising(degree, first) * decay;
        return Elementary.TorchExp(last) * difference / MathF.Round(MathF.Pow(power, degree + 1));
    }

    /// <summary>Integration by parts of e^-x x^degree, without the exponential.</summary>
    private static float Falling(int degree, float x) => degree switch
    {
        0 => 1,
        1 => x + 1,
        2 => x * x + 2 * x + 2,
        _ => x * x * x + 3 * (x * x) + 6 * x + 6,
    };

    /// <summary>Integration by parts of e^x x^degree, without the exponential.</summary>
    private static float Rising(int degree, float x) => degree switch
    {
        1 => x - 1,
        2 => x * x - 2 * x + 2,
        _ => x * x * x - 3 * (x * x) + 6 * x - 6,
    };
}
