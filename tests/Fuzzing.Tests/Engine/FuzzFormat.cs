namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>The structure by which inputs are changed, beside changes of single bytes.</summary>
internal enum FuzzFormat
{
    /// <summary>Bytes without a known structure.</summary>
    Bytes,
    /// <summary>JSON.</summary>
    Json,
    /// <summary>Protocol Buffers' wire format.</summary>
    Wire,
}
