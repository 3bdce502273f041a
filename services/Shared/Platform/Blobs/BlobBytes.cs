using System.Security.Cryptography;
using Brownian.Inference.Stages;

namespace Brownian.Platform.Blobs;

/// <summary>References of values, and whether bytes are what a reference says.</summary>
internal static class BlobBytes
{
    public static BlobRef Refer(string key, StageValue value) =>
        new(key, value.Dtype, value.Shape, value.Bytes.Length, Convert.ToHexStringLower(SHA256.HashData(value.Bytes.Span)));

    /// <summary>The value, or null when the bytes are others.</summary>
    public static StageValue? Check(BlobRef reference, byte[]? bytes) =>
        bytes is not null && bytes.Length == reference.Length && Convert.ToHexStringLower(SHA256.HashData(bytes)) == reference.Sha256
            ? new StageValue(reference.Dtype, reference.Shape, bytes)
            : null;
}
