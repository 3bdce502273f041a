namespace Brownian.Jobs.Uploads;

/// <summary>The limits of uploads.</summary>
public enum UploadBound
{
    /// <summary><see cref="UploadLimits.MaxCountPerOwner"/>.</summary>
    CountPerOwner,

    /// <summary><see cref="UploadLimits.MaxBytesPerOwner"/>.</summary>
    BytesPerOwner,

    /// <summary><see cref="UploadLimits.MaxBytes"/>.</summary>
    Bytes,
}
