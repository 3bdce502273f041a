namespace Brownian.Jobs.Uploads;

/// <summary>The limits of uploads.</summary>
public enum UploadBound
{
    /// <summary><see cref="UploadLimits.MaxCountPerAddress"/>.</summary>
    CountPerAddress,

    /// <summary><see cref="UploadLimits.MaxBytesPerAddress"/>.</summary>
    BytesPerAddress,

    /// <summary><see cref="UploadLimits.MaxBytes"/>.</summary>
    Bytes,
}
