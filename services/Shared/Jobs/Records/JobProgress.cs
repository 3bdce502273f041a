namespace Brownian.Jobs.Records;

/// <summary>The progress of a stage.</summary>
/// <param name="Picture">The index of the image, from 0.</param>
/// <param name="Pictures">The number of images.</param>
/// <param name="Evaluation">The number of evaluations done for this image.</param>
/// <param name="Evaluations">The number of evaluations that this image takes.</param>
public sealed record JobProgress(int Picture, int Pictures, int Evaluation, int Evaluations);
