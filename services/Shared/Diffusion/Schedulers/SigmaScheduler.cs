using System.Numerics.Tensors;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The classes that walk on the sigmas of a noise schedule: x = x0 + σ n, scaled to unit variance for the model.</summary>
public abstract class SigmaScheduler : Scheduler
{
    /// <param name="config">Settings of the class.</param>
    protected SigmaScheduler(SchedulerConfig config)
        : base(config)
    {
        SpacedSigmas.RequireOne(config);
        Schedule = TrainingSchedule.Create(config, TrainingSchedule.SmallestAlpha);
        Prediction = PredictionTypeOption.Read(config);
    }

    /// <inheritdoc/>
    public override float InitNoiseSigma => SigmaSchedule.InitNoiseSigma(Config, Sigmas);

    /// <summary>What the model was trained with.</summary>
    private protected NoiseSchedule Schedule { get; }

    /// <summary>What the model predicts.</summary>
    private protected PredictionType Prediction { get; }

    /// <summary>σ of the evaluation that is asked for next.</summary>
    protected virtual float EvaluationSigma => Sigmas[StepIndex];

    /// <inheritdoc/>
    public override void ScaleModelInput(ReadOnlySpan<float> sample, Span<float> modelInput)
    {
        float sigma = EvaluationSigma;
        // Divided, as the reference does: where a prediction nearly cancels the sample, the last bit shows.
        TensorPrimitives.Divide(sample, MklSquareRoot.Of(sigma * sigma + 1), modelInput);
    }

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(1, original, Sigmas[index], noise, destination);
}
