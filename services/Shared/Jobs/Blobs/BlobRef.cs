using Brownian.Models.Stages;

namespace Brownian.Jobs.Blobs;

/// <summary>
/// A reference to a tensor that is passed between stages. Messages and job records contain the reference, never the tensor's values.
/// </summary>
/// <param name="Key">The tensor's key within its job.</param>
/// <param name="Dtype">Its element type.</param>
/// <param name="Shape">The size of every dimension.</param>
/// <param name="Length">The length in bytes.</param>
/// <param name="Sha256">The SHA-256 of the bytes, in hexadecimal.</param>
public sealed record BlobRef(string Key, StageDtype Dtype, IReadOnlyList<int> Shape, int Length, string Sha256);
