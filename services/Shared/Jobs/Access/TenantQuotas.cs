namespace Brownian.Jobs.Access;

/// <summary>The quotas of a tenant; null for no limit.</summary>
/// <param name="RequestsPerMinute">The largest number of admitted requests in any 60 seconds, 0 and above: jobs, retries and direct calls.</param>
/// <param name="Jobs">The largest number of jobs that have not ended, with running direct calls, 0 and above.</param>
/// <param name="PixelStepsPerDay">
/// The largest sum over the requests of a day (UTC) of the pixels of an image times the evaluations of the denoiser, 0 and above. What a job that was
/// cancelled or failed did not evaluate is returned.
/// </param>
/// <param name="StoredBytes">
/// The bytes of images and uploads from which no more requests are admitted, and which uploads may not exceed, 0 and above.
/// </param>
public sealed record TenantQuotas(
    long? RequestsPerMinute = null, long? Jobs = null, long? PixelStepsPerDay = null, long? StoredBytes = null)
{
    /// <summary>No limits.</summary>
    public static TenantQuotas None { get; } = new();

    /// <summary>Returns these quotas, and the given ones where these state none.</summary>
    public TenantQuotas Or(TenantQuotas other) => new(
        RequestsPerMinute ?? other.RequestsPerMinute,
        Jobs ?? other.Jobs,
        PixelStepsPerDay ?? other.PixelStepsPerDay,
        StoredBytes ?? other.StoredBytes);
}
