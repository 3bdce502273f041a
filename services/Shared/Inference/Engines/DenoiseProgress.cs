namespace Brownian.Inference.Engines;

/// <summary>How far a task is.</summary>
/// <param name="Task">Its index.</param>
/// <param name="Evaluation">Model calls made, from 1.</param>
/// <param name="Evaluations">Model calls in all.</param>
/// <param name="Stage">The stage of the plan, where there are several that denoise; empty for the only one.</param>
public readonly record struct DenoiseProgress(int Task, int Evaluation, int Evaluations, string Stage = "");
