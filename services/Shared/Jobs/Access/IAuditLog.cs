namespace Brownian.Jobs.Access;

/// <summary>
/// The audit log of all gateways together. What operators do, what tenants do with jobs, and refused calls have logs of their own, so that a flood of
/// one kind removes no entry of another. Every method throws <see cref="PlatformUnavailableException"/> when the log cannot be reached.
/// </summary>
public interface IAuditLog
{
    /// <summary>The number of entries about what was done that are kept at least, of operators and of tenants each.</summary>
    const int Kept = 100_000;

    /// <summary>The number of entries about refused calls that are kept at least.</summary>
    const int KeptRefusals = 10_000;

    /// <summary>Appends an entry about what is about to be done.</summary>
    Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken);

    /// <summary>Appends an entry about a refused call.</summary>
    Task AppendRefusalAsync(AuditEntry entry, CancellationToken cancellationToken);

    /// <summary>
    /// Returns entries in the order in which they were written, the newest first; entries of different kinds within one millisecond can have another
    /// order.
    /// </summary>
    /// <param name="tenant">Only entries of this tenant; all when null.</param>
    /// <param name="after">The <see cref="AuditPage.Next"/> of the page before; null for the newest entries.</param>
    /// <param name="most">The largest number of entries.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<AuditPage> ReadAsync(string? tenant, AuditPosition? after, int most, CancellationToken cancellationToken);
}
