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

    /// <summary>The descriptor of this class.</summary>
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
        // The order depends on the position in the run and not on the history: a run that starts in the middle lacks the older terms, as in the
        // reference.
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
    protected override void RestoreHistory(StateReader reader) => _slopes.Restore(reader, StepIndex - BeginIndex);

    /// <summary>∫ of the Lagrange basis polynomial over the step.</summary>
    private float Coefficient(int order, int age)
    {
        double from = Sigmas[StepIndex], to = Sigmas[StepIndex + 1];
        // Two points would suffice for a polynomial of degree 3. The reference evaluates it in float32 at the points of QUADPACK's rule. At large
        // sigmas the lost bits are visible in the image, so the same points are used here.
        double middle = (from + to) / 2, half = (to - from) / 2;
        double sum = GaussKronrod.Weights[10] * Basis(middle, order, age);
        for (int i = 0; i < 10; i++)
        {
            double offset = half * GaussKronrod.Nodes[i];
            sum += GaussKronrod.Weights[i] * ((double)Basis(middle - offset, order, age) + Basis(middle + offset, order, age));
        }
        return (float)(half * sum);
    }

    private float Basis(double sigma, int order, int age)
    {
        float product = 1;
        for (int k = 0; k < order; k++)
        {
            if (k != age)
            {
                product *= ((float)sigma - Sigmas[StepIndex - k]) / (Sigmas[StepIndex - age] - Sigmas[StepIndex - k]);
            }
        }
        return product;
    }
}
