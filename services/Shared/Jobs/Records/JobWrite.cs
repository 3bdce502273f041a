namespace Brownian.Jobs.Records;

/// <summary>
/// Identities of writes. A write whose answer was lost may have been carried out; sent again under the same id it is recognized in the record
/// and not made twice.
/// </summary>
public static class JobWrite
{
    /// <summary>
    /// How many ids a record keeps. A writer that follows a write of unknown fate needs more than one write to make that write possible again
    /// (the lease ends, another worker takes the stage), so a few are enough.
    /// </summary>
    private const int Kept = 4;

    /// <summary>An id for one write and all its tries.</summary>
    public static string NewId() => Guid.NewGuid().ToString("n")[..12];

    /// <summary>Whether a write was carried out, as far back as the record tells.</summary>
    /// <param name="record">The record as it is now.</param>
    /// <param name="id">The write.</param>
    public static bool IsIn(JobRecord record, string id) => record.Writes.Contains(id);

    /// <summary>Whether a write was the last one.</summary>
    /// <param name="record">The record as it is now.</param>
    /// <param name="id">The write.</param>
    public static bool IsLast(JobRecord record, string id) => record.Writes is [.., var last] && last == id;

    /// <summary>The same change under a write's id.</summary>
    internal static JobChange Sign(JobChange change, string id) =>
        change with { Next = change.Next with { Writes = [.. change.Next.Writes.TakeLast(Kept - 1), id] } };
}
