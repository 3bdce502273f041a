namespace Brownian.Models.Stages;

/// <summary>The progress of a stage.</summary>
/// <param name="Image">The index of the image, from 0.</param>
/// <param name="Images">The total number of images.</param>
/// <param name="Evaluation">The number of model calls made for this image.</param>
/// <param name="Evaluations">The number of model calls that this image needs.</param>
public readonly record struct StageProgress(int Image, int Images, int Evaluation, int Evaluations);
