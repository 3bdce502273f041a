namespace Brownian.Jobs.Access;

/// <summary>
/// Counts what tenants use. Jobs are counted by the writes that create and end them, direct calls by the methods here. Every method throws
/// <see cref="PlatformUnavailableException"/> when the ledger cannot be reached.
/// </summary>
public interface ITenantLedger
{
    /// <summary>Admits a direct call.</summary>
    /// <param name="direct">The call.</param>
    /// <param name="admission">The quotas.</param>
    /// <param name="lease">How long it counts as running unless it is renewed.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The number of the day (UTC, from 1970-01-01) for which it counts.</returns>
    /// <exception cref="QuotaExceededException">A quota would be exceeded.</exception>
    Task<long> AdmitAsync(DirectCall direct, Admission admission, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Lets a direct call count as running for longer.</summary>
    Task RenewAsync(DirectCall direct, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Ends a direct call.</summary>
    /// <param name="direct">The call.</param>
    /// <param name="day">The day for which it counts.</param>
    /// <param name="outcome">How it ended: done, failed or cancelled.</param>
    /// <param name="images">The number of images that it made.</param>
    /// <param name="unspent">The pixel-steps that it did not use.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task EndAsync(DirectCall direct, long day, UsageOutcome outcome, int images, long unspent, CancellationToken cancellationToken);

    /// <summary>Returns what counts for a tenant's quotas.</summary>
    Task<TenantHeld> HeldAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Returns the bytes of a tenant's images and files of jobs.</summary>
    Task<long> ImageBytesAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Returns the usage of days, by day and tenant. Days are kept for 400 days.</summary>
    /// <param name="first">The first day.</param>
    /// <param name="last">The last day.</param>
    /// <param name="tenant">Only this tenant's; all when null.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<IReadOnlyList<TenantUsage>> UsageAsync(DateOnly first, DateOnly last, string? tenant, CancellationToken cancellationToken);
}
