using Brownian.Jobs.Uploads;
using Microsoft.Data.Sqlite;

namespace Brownian.Jobs.Sqlite;

/// <summary>The upload ledger of one process, in a SQLite file that survives a restart; or in memory, for a process that persists nothing.</summary>
public sealed class SqliteUploadLedger : IUploadLedger, IDisposable
{
    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;
    private readonly UploadLimits _limits;
    private readonly TimeProvider _clock;

    private SqliteUploadLedger(SqliteConnection connection, UploadLimits limits, TimeProvider clock)
    {
        (_connection, _limits, _clock) = (connection, limits, clock);
    }

    /// <summary>Opens a ledger.</summary>
    /// <param name="file">The file, created when it does not exist; null for memory.</param>
    /// <param name="limits">The limits.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="PlatformUnavailableException">The file cannot be used.</exception>
    public static SqliteUploadLedger Open(string? file, UploadLimits limits, TimeProvider clock)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file ?? ":memory:", Pooling = false }.ToString());
        try
        {
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText =
                """
                PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
                CREATE TABLE IF NOT EXISTS uploads (
                    id TEXT PRIMARY KEY, address TEXT NOT NULL, bytes INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
                CREATE INDEX IF NOT EXISTS uploads_address ON uploads (address, expires);
                CREATE INDEX IF NOT EXISTS uploads_expires ON uploads (expires);
                """;
            command.ExecuteNonQuery();
            return new SqliteUploadLedger(connection, limits, clock);
        }
        catch (SqliteException exception)
        {
            connection.Dispose();
            throw new PlatformUnavailableException(
                PlatformPart.JobStore, $"the ledger of uploads {file} cannot be opened: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public Task<UploadRefusal?> ReserveAsync(UploadReservation reservation, CancellationToken cancellationToken) => UseAsync(now =>
    {
        using SqliteTransaction transaction = _connection.BeginTransaction();
        (string, object?)[] named = [("$id", reservation.Id), ("$address", reservation.Address), ("$now", now)];
        Run("DELETE FROM uploads WHERE expires <= $now", named);
        long? before = Number("SELECT bytes FROM uploads WHERE id = $id", named);
        long? same = Number("SELECT bytes FROM uploads WHERE id = $id AND address = $address", named);
        UploadRefusal? refusal =
            same is null && Number("SELECT count(*) FROM uploads WHERE address = $address", named) >= _limits.MaxCountPerAddress
                ? Refuse(UploadBound.CountPerAddress)
            : Exceeds("SELECT total(bytes) FROM uploads WHERE address = $address", same ?? 0, _limits.MaxBytesPerAddress)
                ? Refuse(UploadBound.BytesPerAddress)
            : Exceeds("SELECT total(bytes) FROM uploads", before ?? 0, _limits.MaxBytes) ? Refuse(UploadBound.Bytes)
            : null;
        if (refusal is null)
        {
            Run(
                "INSERT OR REPLACE INTO uploads (id, address, bytes, expires) VALUES ($id, $address, $bytes, $expires)",
                [.. named, ("$bytes", reservation.Bytes), ("$expires", now + (long)reservation.Lifetime.TotalMilliseconds)]);
        }
        transaction.Commit();
        return refusal;

        bool Exceeds(string sum, long own, long bound) => reservation.Bytes > own && Number(sum, named) + reservation.Bytes - own > bound;

        UploadRefusal Refuse(UploadBound bound)
        {
            string counted = bound == UploadBound.Bytes ? "" : " AND address = $address";
            long? oldest = Number($"SELECT min(expires) FROM uploads WHERE id <> $id{counted}", named);
            return new UploadRefusal(bound, oldest is { } expires ? TimeSpan.FromMilliseconds(expires - now) : reservation.Lifetime);
        }
    });

    /// <inheritdoc/>
    public Task ExtendAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken) => UseAsync(now =>
        Run("UPDATE uploads SET expires = $expires WHERE id = $id AND expires < $expires",
            [("$id", id), ("$expires", now + (long)lifetime.TotalMilliseconds)]));

    /// <inheritdoc/>
    public Task ReleaseAsync(string id, CancellationToken cancellationToken) =>
        UseAsync(_ => Run("DELETE FROM uploads WHERE id = $id", [("$id", id)]));

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _connection.Dispose();
        }
    }

    private long? Number(string text, (string, object?)[] parameters)
    {
        using SqliteCommand command = Command(text, parameters);
        return command.ExecuteScalar() switch
        {
            long whole => whole,
            double sum => (long)sum,
            _ => null,
        };
    }

    private int Run(string text, (string, object?)[] parameters)
    {
        using SqliteCommand command = Command(text, parameters);
        return command.ExecuteNonQuery();
    }

    private SqliteCommand Command(string text, (string Name, object? Value)[] parameters)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = text;
        foreach ((string name, object? value) in parameters.Where(parameter => text.Contains(parameter.Item1, StringComparison.Ordinal)))
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }
        return command;
    }

    /// <summary>As of the job store: calls are short, and run on the caller's thread one at a time.</summary>
    private Task<T> UseAsync<T>(Func<long, T> use)
    {
        try
        {
            lock (_lock)
            {
                return Task.FromResult(use(_clock.GetUtcNow().ToUnixTimeMilliseconds()));
            }
        }
        catch (SqliteException exception)
        {
            return Task.FromException<T>(
                new PlatformUnavailableException(PlatformPart.JobStore, "SQLite, the ledger of uploads: " + exception.Message, exception));
        }
    }
}
