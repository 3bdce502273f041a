using Brownian.Jobs.Uploads;

namespace Brownian.Jobs.Sqlite;

/// <summary>The upload ledger of one process, in a SQLite file that survives a restart; or in memory, for a process that persists nothing.</summary>
public sealed class SqliteUploadLedger : IUploadLedger, IDisposable
{
    private readonly SqliteDatabase _database;
    private readonly TimeProvider _clock;

    private SqliteUploadLedger(SqliteDatabase database, TimeProvider clock)
    {
        (_database, _clock) = (database, clock);
    }

    /// <summary>Opens a ledger.</summary>
    /// <param name="file">The file, created when it does not exist; null for memory.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="PlatformUnavailableException">The file cannot be used.</exception>
    public static SqliteUploadLedger Open(string? file, TimeProvider clock) => new(
        SqliteDatabase.Open(
            file,
            "the ledger of uploads",
            """
            CREATE TABLE IF NOT EXISTS uploads (
                id TEXT PRIMARY KEY, address TEXT NOT NULL, bytes INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS uploads_address ON uploads (address, expires);
            CREATE INDEX IF NOT EXISTS uploads_expires ON uploads (expires);
            """),
        clock);

    /// <inheritdoc/>
    public Task<UploadRefusal?> ReserveAsync(
        UploadReservation reservation, UploadLimits limits, CancellationToken cancellationToken) => UseAsync(now =>
    {
        (string, object?)[] named = [("$id", reservation.Id), ("$address", reservation.Owner), ("$now", now)];
        _database.Run("DELETE FROM uploads WHERE expires <= $now", named);
        long? before = _database.Number("SELECT bytes FROM uploads WHERE id = $id", named);
        long? same = _database.Number("SELECT bytes FROM uploads WHERE id = $id AND address = $address", named);
        UploadRefusal? refusal =
            same is null && _database.Number("SELECT count(*) FROM uploads WHERE address = $address", named) >= limits.MaxCountPerOwner
                ? Refuse(UploadBound.CountPerOwner)
            : Exceeds("SELECT total(bytes) FROM uploads WHERE address = $address", same ?? 0, limits.MaxBytesPerOwner)
                ? Refuse(UploadBound.BytesPerOwner)
            : Exceeds("SELECT total(bytes) FROM uploads", before ?? 0, limits.MaxBytes) ? Refuse(UploadBound.Bytes)
            : null;
        if (refusal is null)
        {
            _database.Run(
                "INSERT OR REPLACE INTO uploads (id, address, bytes, expires) VALUES ($id, $address, $bytes, $expires)",
                [.. named, ("$bytes", reservation.Bytes), ("$expires", now + (long)reservation.Lifetime.TotalMilliseconds)]);
        }
        return refusal;

        bool Exceeds(string sum, long own, long bound) => reservation.Bytes > own && _database.Number(sum, named) + reservation.Bytes - own > bound;

        UploadRefusal Refuse(UploadBound bound)
        {
            string counted = bound == UploadBound.Bytes ? "" : " AND address = $address";
            long? oldest = _database.Number($"SELECT min(expires) FROM uploads WHERE id <> $id{counted}", named);
            return new UploadRefusal(bound, oldest is { } expires ? TimeSpan.FromMilliseconds(expires - now) : reservation.Lifetime);
        }
    });

    /// <inheritdoc/>
    public Task ExtendAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken) => UseAsync(now =>
        _database.Run("UPDATE uploads SET expires = $expires WHERE id = $id AND expires < $expires",
            [("$id", id), ("$expires", now + (long)lifetime.TotalMilliseconds)]));

    /// <inheritdoc/>
    public Task<string?> FindOwnerAsync(string id, CancellationToken cancellationToken) => UseAsync(
        _ => _database.Rows("SELECT address FROM uploads WHERE id = $id", row => row.GetString(0), ("$id", id)) is [var owner] ? owner : null);

    /// <inheritdoc/>
    public Task<long> BytesOfAsync(string owner, CancellationToken cancellationToken) => UseAsync(now => _database.Number(
        "SELECT total(bytes) FROM uploads WHERE address = $owner AND expires > $now", ("$owner", owner), ("$now", now)) ?? 0);

    /// <inheritdoc/>
    public Task ReleaseAsync(string id, CancellationToken cancellationToken) =>
        UseAsync(_ => _database.Run("DELETE FROM uploads WHERE id = $id", [("$id", id)]));

    /// <inheritdoc/>
    public void Dispose() => _database.Dispose();

    private Task<T> UseAsync<T>(Func<long, T> use) => _database.UseAsync(() => use(_clock.GetUtcNow().ToUnixTimeMilliseconds()));
}
