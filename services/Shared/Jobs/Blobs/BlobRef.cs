using Brownian.Models.Stages;

namespace Brownian.Jobs.Blobs;

/// <summary>A tensor on its way, by reference: messages and job records carry this, never the numbers.</summary>
/// <param name="Key">Where it is, within its job.</param>
/// <param name="Dtype">Its element type.</param>
/// <param name="Shape">The size of every dimension.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Sha256">Of the bytes, hexadecimal.</param>
public sealed record BlobRef(string Key, StageDtype Dtype, IReadOnlyList<int> Shape, int Length, string Sha256);
