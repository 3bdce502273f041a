namespace Brownian.Models.Stages;

/// <summary>How far a stage is.</summary>
/// <param name="Picture">The image, from 0.</param>
/// <param name="Pictures">Images in all.</param>
/// <param name="Evaluation">Model calls made for this image.</param>
/// <param name="Evaluations">Model calls that this image takes.</param>
public readonly record struct StageProgress(int Picture, int Pictures, int Evaluation, int Evaluations);
