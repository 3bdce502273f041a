using System.Text.Json.Serialization;

namespace Brownian.Jobs.Records;

/// <summary>The progress of a stage.</summary>
/// <param name="Image">The index of the image, from 0.</param>
/// <param name="Images">The number of images.</param>
/// <param name="Evaluation">The number of evaluations done for this image.</param>
/// <param name="Evaluations">The number of evaluations that this image takes.</param>
public sealed record JobProgress(
    [property: JsonPropertyName("picture")] int Image, [property: JsonPropertyName("pictures")] int Images, int Evaluation, int Evaluations);
