using System.Security.Cryptography;
using Brownian.Models.Stages;

namespace Brownian.Jobs.Blobs;

/// <summary>References of values, and whether bytes are what a reference says.</summary>
public static class BlobBytes
{
    /// <summary>What refers to a value that is kept under an id.</summary>
    public static BlobRef Refer(string key, StageValue value) =>
        new(key, value.Dtype, value.Shape, value.Bytes.Length, Convert.ToHexStringLower(SHA256.HashData(value.Bytes.Span)));

    /// <summary>The value, or null when the bytes are others.</summary>
    public static StageValue? Check(BlobRef reference, byte[]? bytes) =>
        bytes is not null && bytes.Length == reference.Length && Convert.ToHexStringLower(SHA256.HashData(bytes)) == reference.Sha256
            ? new StageValue(reference.Dtype, reference.Shape, bytes)
            : null;
}
