using Brownian.Jobs.Blobs;

namespace Brownian.Jobs.Records;

/// <summary>Where a stage can be gone on from.</summary>
/// <param name="State">What the runner saved.</param>
/// <param name="Picture">The image, from 0.</param>
/// <param name="Evaluation">Its evaluations made.</param>
/// <param name="Worker">What made it: provider and precision. Another kind of worker begins the stage again.</param>
public sealed record JobCheckpoint(BlobRef State, int Picture, int Evaluation, string Worker);
