using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The base of solvers in λ = ln(α / σ): the noise levels of a run, and the predictions of past evaluations as x0 or ε.</summary>
public abstract class SolverScheduler : Scheduler
{
    private const int FewSteps = 15;

    private readonly PredictionConverter _converter;
    private readonly PredictedVariance _variance = new();
    private NoiseLevel[] _levels = [];
    private float[] _noise = [];

    /// <param name="config">The settings of the derived class.</param>
    /// <param name="remembered">The number of predictions that the method uses, including the newest.</param>
    /// <param name="target">The quantity that the method combines.</param>
    private protected SolverScheduler(SchedulerConfig config, int remembered, PredictionTarget target)
        : base(config)
    {
        _converter = new PredictionConverter(config, target);
        Predictions = new History(remembered);
    }

    /// <summary>The levels of <see cref="Scheduler.Sigmas"/>.</summary>
    private protected ReadOnlySpan<NoiseLevel> Levels => _levels;

    /// <summary>The converted outputs of the last evaluations.</summary>
    private protected History Predictions { get; }

    /// <summary>Whether the run is so short that <c>lower_order_final</c> has an effect in the multistep methods.</summary>
    private protected bool HasFewSteps => Timesteps.Length < FewSteps;

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(_levels[index].Alpha, original, _levels[index].Sigma, noise, destination);

    /// <inheritdoc/>
    protected sealed override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        (float[] timesteps, float[] sigmas) = Walk(options);
        _levels = [.. sigmas.Select(LevelOf)];
        return (timesteps, sigmas);
    }

    /// <summary>Computes the run's timesteps, and its sigmas including the final one.</summary>
    protected abstract (float[] Timesteps, float[] Sigmas) Walk(SamplingOptions options);

    /// <summary>Returns the noise level of one of the run's sigmas.</summary>
    private protected virtual NoiseLevel LevelOf(float sigma) => SolverSchedule.LevelOf(Config, sigma);

    /// <summary>Converts the model's output to the quantity that the method combines.</summary>
    private protected virtual void Convert(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, Span<float> destination) =>
        _converter.Convert(output, sample, _levels[StepIndex], Sigmas[StepIndex], Run.Images, destination);

    /// <inheritdoc/>
    protected override void Reset() => Predictions.Clear();

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer) => Predictions.Save(writer);

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader) => Predictions.Restore(reader, StepIndex - BeginIndex);

    /// <summary>Converts an output without its variances, if any, and adds it as the newest prediction.</summary>
    private protected void Remember(ReadOnlySpan<float> modelOutput, ReadOnlySpan<float> sample) =>
        Convert(_variance.Split(modelOutput, sample.Length, Run.Images), sample, Predictions.Push(sample.Length));

    /// <summary>
    /// Draws the noise of a step and adds it. It is also drawn when its weight is 0, because the reference's generator advances then.
    /// </summary>
    /// <param name="weight">The standard deviation.</param>
    /// <param name="sample">Changed in place.</param>
    /// <param name="noise">The task's generator.</param>
    /// <param name="dtype">The element type of the drawn noise; null for the model's type.</param>
    private protected void AddStepNoise(float weight, Span<float> sample, INoiseGenerator noise, NoiseDtype? dtype)
    {
        if (_noise.Length != sample.Length)
        {
            _noise = new float[sample.Length];
        }
        noise.FillNormal(_noise, dtype ?? noise.Dtype);
        LinearCombination.Of(1, sample, weight, _noise, sample);
    }
}
