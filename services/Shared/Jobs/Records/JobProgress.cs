namespace Brownian.Jobs.Records;

/// <summary>How far a stage is.</summary>
/// <param name="Picture">The image, from 0.</param>
/// <param name="Pictures">Images in all.</param>
/// <param name="Evaluation">Evaluations made of this image.</param>
/// <param name="Evaluations">Evaluations that it takes.</param>
public sealed record JobProgress(int Picture, int Pictures, int Evaluation, int Evaluations);
