namespace Brownian.Models.Stages;

/// <summary>How far a stage is.</summary>
/// <param name="Picture">The picture, from 0.</param>
/// <param name="Pictures">Pictures in all.</param>
/// <param name="Evaluation">Model calls made for this picture.</param>
/// <param name="Evaluations">Model calls that this picture takes.</param>
public readonly record struct StageProgress(int Picture, int Pictures, int Evaluation, int Evaluations);
