namespace Brownian.Jobs.Records;

/// <summary>How far a stage is.</summary>
/// <param name="Picture">The picture, from 0.</param>
/// <param name="Pictures">Pictures in all.</param>
/// <param name="Evaluation">Evaluations made of this picture.</param>
/// <param name="Evaluations">Evaluations that it takes.</param>
public sealed record JobProgress(int Picture, int Pictures, int Evaluation, int Evaluations);
