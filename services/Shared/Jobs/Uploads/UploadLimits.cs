namespace Brownian.Jobs.Uploads;

/// <summary>Limits on the room of uploads, including unfinished ones, for as long as they are kept.</summary>
public sealed record UploadLimits
{
    /// <summary>No limits.</summary>
    public static UploadLimits None { get; } = new() { MaxBytesPerOwner = long.MaxValue, MaxCountPerOwner = long.MaxValue, MaxBytes = long.MaxValue };

    /// <summary>The largest number of bytes of one owner.</summary>
    public long MaxBytesPerOwner { get; init; } = 1L << 30;

    /// <summary>The largest number of uploads of one owner.</summary>
    public long MaxCountPerOwner { get; init; } = 1000;

    /// <summary>The largest number of bytes of all owners.</summary>
    public long MaxBytes { get; init; } = 8L << 30;

    /// <summary>How long a sender of chunks may send none.</summary>
    public TimeSpan MaxSilence { get; init; } = TimeSpan.FromSeconds(30);
}
