using System.Text.Json.Serialization;
using Brownian.Jobs.Blobs;

namespace Brownian.Jobs.Records;

/// <summary>The state from which a stage can be resumed.</summary>
/// <param name="State">The runner's saved state.</param>
/// <param name="Image">The index of the image, from 0.</param>
/// <param name="Evaluation">The number of evaluations done for this image.</param>
/// <param name="Worker">The provider and precision that made it. Other kinds of workers restart the stage.</param>
public sealed record JobCheckpoint(BlobRef State, [property: JsonPropertyName("picture")] int Image, int Evaluation, string Worker);
