using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// DPM-Solver++ (2S) with the noise of one Brownian path (k-diffusion's <c>sample_dpmpp_sde</c>; <c>scheduling_dpmsolver_sde.py</c>): a step is
/// evaluated at its start and at the geometric mean of its sigmas. The noise is derived from <c>noise_sampler_seed</c> or, when that is null, from
/// the seed of the task's generator, from which nothing is drawn. Unlike the other classes, it may also allocate after a run's first evaluation: one
/// buffer of the sample's length for every new level of the path's tree.
/// </summary>
public sealed class DpmSolverSdeScheduler : SigmaScheduler
{
    /// <summary>The largest sigma for which float64 represents the six decimals that the tree's points are rounded to.</summary>
    private const double MaxSigmaOfTree = 1e9;

    private readonly EvaluationPair _pair = new();
    private BrownianTree? _tree;
    private float[] _denoised = [];
    private float[] _noise = [];

    /// <param name="config">Settings of this class.</param>
    public DpmSolverSdeScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "DPMSolverSDEScheduler",
        "DPM++ SDE: DPM-Solver++ with Brownian noise; two evaluations a step",
        config => new DpmSolverSdeScheduler(config),
        [
            .. SchedulerOptions.Betas(0.00085, 0.012),
            SchedulerOptions.PredictionType("epsilon", "v_prediction"),
            .. SchedulerOptions.SigmaSpacings,
            SchedulerOption.Integer("noise_sampler_seed", null, 0),
            .. SchedulerOptions.Spacing("linspace"),
        ]);

    /// <inheritdoc/>
    public override int Order => 2;

    /// <inheritdoc/>
    protected override float EvaluationSigma =>
        EvaluationPair.IsSecond(this) ? Middle(Sigmas[StepIndex - 1], Sigmas[StepIndex]).Sigma : Sigmas[StepIndex];

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        (double[] timesteps, double[] sigmas) = SigmaSchedule.Layout(Config, Schedule, options, singleTimesteps: false);
        if (sigmas[0] > MaxSigmaOfTree)
        {
            throw new FieldFaultException(
                "scheduler.beta_end", Config.Number("beta_end"),
                string.Create(CultureInfo.InvariantCulture, $"so small that the largest sigma, {sigmas[0]}, is at most {MaxSigmaOfTree}"));
        }
        float[] evaluations = SigmaSchedule.Doubled(ToSingle(timesteps));
        for (int i = 0; i < sigmas.Length - 1; i++)
        {
            double here = -Math.Log(sigmas[i]), next = -Math.Log(sigmas[i + 1]);
            evaluations[2 * i + 1] = (float)Schedule.TimestepOf(Math.Exp(-(here + (next - here) * 0.5)));
        }
        return (evaluations, [.. SigmaSchedule.Doubled(ToSingle(sigmas)), 0]);
    }

    /// <inheritdoc/>
    protected override void Reset() => _tree = null;

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_denoised.Length != sample.Length)
        {
            _denoised = new float[sample.Length];
            _noise = new float[sample.Length];
        }
        bool second = EvaluationPair.IsSecond(this);
        float sigma = Sigmas[second ? StepIndex - 1 : StepIndex], next = Sigmas[second ? StepIndex : StepIndex + 1];
        if (next == 0)
        {
            SigmaPrediction.Slope(Prediction, sigma, sample, modelOutput, _denoised);
            LinearCombination.Of(1, sample, -sigma, _denoised, sample);
            return;
        }
        // Computed in t = -ln σ and back, as in the reference, because the tree is queried at sigmas that were converted like this.
        (float t, float tNext, float middle) = Middle(sigma, next);
        SigmaPrediction.Denoise(Prediction, second ? middle : sigma, sample, modelOutput, _denoised);
        if (!second)
        {
            _pair.Keep(sample);
        }
        float from = Elementary.TorchExp(-t), to = second ? Elementary.TorchExp(-tNext) : middle;
        (_, float up) = AncestralSplit.Of(from, to);
        up = MathF.Min(to, up);
        float down = MklSquareRoot.Of(to * to - up * up), tDown = -Elementary.TorchLog(down);
        float growth = Elementary.TorchExpMinusOne(t - tDown);
        DrawBetween(to, from, noise.Seed);
        LinearCombination.Of(Elementary.TorchExp(-tDown) / from, _pair.Sample, -growth, _denoised, up, _noise, sample);
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer) => _pair.Save(this, writer);

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader) => _pair.Restore(this, reader);

    private static (float T, float TNext, float Sigma) Middle(float sigma, float next)
    {
        float t = -Elementary.TorchLog(sigma), tNext = -Elementary.TorchLog(next);
        return (t, tNext, Elementary.TorchExp(-(t + (tNext - t) * 0.5f)));
    }

    /// <summary>
    /// Draws standard normal noise: the path's increment from the larger sigma to the smaller one, divided by the square root of their distance.
    /// </summary>
    private void DrawBetween(float smaller, float larger, ulong seed)
    {
        ulong pathSeed = Config.IntegerOrNull("noise_sampler_seed") is { } given ? (ulong)given : seed & long.MaxValue;
        _tree ??= new BrownianTree(pathSeed, Sigmas[^2], Sigmas[0], _noise.Length);
        _tree.Increment(smaller, larger, _noise);
        TensorPrimitives.Divide(_noise, -MklSquareRoot.Of(larger - smaller), _noise);
    }
}
