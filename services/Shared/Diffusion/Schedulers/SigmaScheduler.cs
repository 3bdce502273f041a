using System.Numerics.Tensors;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The base of the classes that step through the sigmas of a noise schedule: x = x0 + σ n, scaled to unit variance for the model.</summary>
public abstract class SigmaScheduler : Scheduler
{
    /// <param name="config">Settings of the class.</param>
    protected SigmaScheduler(SchedulerConfig config)
        : base(config)
    {
        SpacedSigmas.RequireOne(config);
        Schedule = TrainingSchedule.Create(config, TrainingSchedule.MinAlpha);
        Prediction = PredictionTypeOption.Read(config);
    }

    /// <inheritdoc/>
    public override float InitNoiseSigma => SigmaSchedule.InitNoiseSigma(Config, Sigmas);

    /// <summary>The schedule that the model was trained with.</summary>
    private protected NoiseSchedule Schedule { get; }

    /// <summary>The quantity that the model predicts.</summary>
    private protected PredictionType Prediction { get; }

    /// <summary>σ of the next evaluation.</summary>
    protected virtual float EvaluationSigma => Sigmas[StepIndex];

    /// <inheritdoc/>
    public override void ScaleModelInput(ReadOnlySpan<float> sample, Span<float> modelInput)
    {
        float sigma = EvaluationSigma;
        // Divided, as in the reference: when a prediction nearly cancels the sample, the last bit is visible.
        TensorPrimitives.Divide(sample, MklSquareRoot.Of(sigma * sigma + 1), modelInput);
    }

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(1, original, Sigmas[index], noise, destination);
}
