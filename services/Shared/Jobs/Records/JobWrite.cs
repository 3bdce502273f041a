namespace Brownian.Jobs.Records;

/// <summary>
/// Identities of writes. A write whose answer was lost may have been carried out; when it is sent again under the same id, it is recognized in the
/// record and not applied twice.
/// </summary>
public static class JobWrite
{
    /// <summary>
    /// The number of ids that a record keeps. After a write of unknown outcome, that write becomes possible again only after more than one further
    /// write (the lease ends, another worker takes the stage), so a few ids are enough.
    /// </summary>
    private const int Kept = 4;

    /// <summary>Creates an id for one write and all its retries.</summary>
    public static string NewId() => Guid.NewGuid().ToString("n")[..12];

    /// <summary>Whether a write was carried out, as far back as the record's ids reach.</summary>
    /// <param name="record">The current record.</param>
    /// <param name="id">The write.</param>
    public static bool IsIn(JobRecord record, string id) => record.Writes.Contains(id);

    /// <summary>Whether a write was the last one.</summary>
    /// <param name="record">The current record.</param>
    /// <param name="id">The write.</param>
    public static bool IsLast(JobRecord record, string id) => record.Writes is [.., var last] && last == id;

    /// <summary>Returns the same change with a write's id.</summary>
    internal static JobChange Sign(JobChange change, string id) =>
        change with { Next = change.Next with { Writes = [.. change.Next.Writes.TakeLast(Kept - 1), id] } };
}
