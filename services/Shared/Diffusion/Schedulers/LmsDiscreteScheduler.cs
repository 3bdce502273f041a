using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>A linear multistep method of order up to 4 on sigmas (k-diffusion's <c>sample_lms</c>; <c>scheduling_lms_discrete.py</c>).</summary>
public sealed class LmsDiscreteScheduler : SigmaScheduler
{
    private const int HighestOrder = 4;

    private readonly History _slopes = new(HighestOrder);
    private float[] _sum = [];

    /// <param name="config">Settings of this class.</param>
    public LmsDiscreteScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "LMSDiscreteScheduler",
        "A linear multistep method of order 4 on sigmas",
        config => new LmsDiscreteScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            .. SchedulerOptions.SigmaSpacings,
            SchedulerOptions.PredictionType(),
            .. SchedulerOptions.Spacing("linspace"),
        ]);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options) => SigmaSchedule.Plan(Config, Schedule, options);

    /// <inheritdoc/>
    protected override void Reset() => _slopes.Clear();

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_sum.Length != sample.Length)
        {
            _sum = new float[sample.Length];
        }
        SigmaPrediction.Slope(Prediction, Sigmas[StepIndex], sample, modelOutput, _slopes.Push(sample.Length));
        // The order follows the place in the run, not the history: a run begun in its middle lacks the older terms, as the reference's does.
        int order = Math.Min(StepIndex + 1, HighestOrder);
        LinearCombination.Of(Coefficient(order, 0), _slopes[0], _sum);
        for (int age = 1; age < Math.Min(order, _slopes.Count); age++)
        {
            LinearCombination.Of(1, _sum, Coefficient(order, age), _slopes[age], _sum);
        }
        LinearCombination.Of(1, sample, 1, _sum, sample);
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer) => _slopes.Save(writer);

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader) => _slopes.Restore(reader);

    /// <summary>∫ of the Lagrange basis polynomial over the step. Two Gauss points are exact for its degree, at most 3.</summary>
    private float Coefficient(int order, int age)
    {
        double from = Sigmas[StepIndex], to = Sigmas[StepIndex + 1];
        double middle = (from + to) / 2, half = (to - from) / 2, offset = half / Math.Sqrt(3);
        return (float)(half * (Basis(middle - offset, order, age) + Basis(middle + offset, order, age)));
    }

    private double Basis(double sigma, int order, int age)
    {
        double product = 1;
        for (int k = 0; k < order; k++)
        {
            if (k != age)
            {
                product *= (sigma - Sigmas[StepIndex - k]) / ((double)Sigmas[StepIndex - age] - Sigmas[StepIndex - k]);
            }
        }
        return product;
    }
}
