namespace Brownian.Jobs.Uploads;

/// <summary>How much uploads may take, unfinished ones too, for as long as they are kept.</summary>
public sealed record UploadLimits
{
    /// <summary>The most bytes from one address.</summary>
    public long MaxBytesPerAddress { get; init; } = 1L << 30;

    /// <summary>The most uploads from one address.</summary>
    public long MaxCountPerAddress { get; init; } = 1000;

    /// <summary>The most bytes from all addresses.</summary>
    public long MaxBytes { get; init; } = 8L << 30;
}
