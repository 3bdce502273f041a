using System.Text.Json.Serialization;
using Brownian.Models.Stages;

namespace Brownian.Jobs.Records;

/// <summary>The progress of a stage.</summary>
/// <param name="Image">The index of the image, from 0.</param>
/// <param name="Images">The number of images.</param>
/// <param name="Evaluation">The number of evaluations done for this image.</param>
/// <param name="Evaluations">The number of evaluations that this image takes.</param>
public sealed record JobProgress(
    [property: JsonPropertyName("picture")] int Image, [property: JsonPropertyName("pictures")] int Images, int Evaluation, int Evaluations)
{
    /// <summary>Returns the progress that a stage's runner reports.</summary>
    public static JobProgress From(StageProgress progress) => new(progress.Image, progress.Images, progress.Evaluation, progress.Evaluations);
}
