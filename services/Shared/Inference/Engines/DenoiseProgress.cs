namespace Brownian.Inference.Engines;

/// <summary>The progress of a task.</summary>
/// <param name="Task">The task's index.</param>
/// <param name="Evaluation">The number of model calls made, from 1.</param>
/// <param name="Evaluations">The total number of model calls.</param>
/// <param name="Stage">The name of the plan's stage when several stages denoise; empty for the only one.</param>
public readonly record struct DenoiseProgress(int Task, int Evaluation, int Evaluations, string Stage = "")
{
    /// <summary>The step that the request asked for, from 1; the evaluation where it is not known.</summary>
    public int Step { get; init; } = Evaluation;

    /// <summary>The number of steps that the request asked for; the evaluations where it is not known.</summary>
    public int Steps { get; init; } = Evaluations;
}
