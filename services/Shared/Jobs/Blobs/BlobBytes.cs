using System.Security.Cryptography;
using Brownian.Models.Stages;

namespace Brownian.Jobs.Blobs;

/// <summary>Creates references of values, and checks bytes against them.</summary>
public static class BlobBytes
{
    /// <summary>Creates the reference of a value that is stored under a key.</summary>
    public static BlobRef Refer(string key, StageValue value) =>
        new(key, value.Dtype, value.Shape, value.Bytes.Length, Convert.ToHexStringLower(SHA256.HashData(value.Bytes.Span)));

    /// <summary>Returns the value, or null when the bytes differ from the reference's length or hash.</summary>
    public static StageValue? Check(BlobRef reference, byte[]? bytes) =>
        bytes is not null && bytes.Length == reference.Length && Convert.ToHexStringLower(SHA256.HashData(bytes)) == reference.Sha256
            ? new StageValue(reference.Dtype, reference.Shape, bytes)
            : null;
}
