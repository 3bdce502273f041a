namespace Brownian.Jobs.Uploads;

/// <summary>Limits on the room of uploads, including unfinished ones, for as long as they are kept.</summary>
public sealed record UploadLimits
{
    /// <summary>The largest number of bytes from one address.</summary>
    public long MaxBytesPerAddress { get; init; } = 1L << 30;

    /// <summary>The largest number of uploads from one address.</summary>
    public long MaxCountPerAddress { get; init; } = 1000;

    /// <summary>The largest number of bytes from all addresses.</summary>
    public long MaxBytes { get; init; } = 8L << 30;
}
