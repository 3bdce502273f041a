namespace Brownian.Jobs.Access;

/// <summary>A page of the audit log.</summary>
/// <param name="Entries">The entries, the newest first.</param>
/// <param name="Next">The position of the last one, after which the next page begins; null on the last page.</param>
public sealed record AuditPage(IReadOnlyList<AuditEntry> Entries, AuditPosition? Next)
{
    /// <summary>Returns a page of entries of which one more than the page holds was read.</summary>
    /// <param name="read">The entries with their positions, the newest first.</param>
    /// <param name="most">The largest number of entries of the page.</param>
    public static AuditPage Of(IReadOnlyList<(AuditPosition Position, AuditEntry Entry)> read, int most) => new(
        [.. read.Take(most).Select(found => found.Entry)], read.Count > most ? read[most - 1].Position : null);
}
