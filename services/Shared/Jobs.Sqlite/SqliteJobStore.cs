using Brownian.Jobs.Access;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.V1;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Brownian.Jobs.Sqlite;

/// <summary>Stores jobs in a SQLite file, for a single-process setup; or in memory, for a process that persists nothing.</summary>
public sealed class SqliteJobStore : IJobStore, IDisposable
{
    private const int SchemaVersion = 1;

    /// <summary>The number of jobs that are read at once for a listing.</summary>
    private const int Chunk = 100;

    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;
    private readonly JobPolicy _policy;
    private readonly IAuditLog? _audit;
    private readonly JobSignals _signals = new();
    private readonly PostSignals _posts = new();

    /// <summary>Only current watchers use previews, so they are not written to the disk.</summary>
    private readonly Dictionary<string, JobPreview> _previews = new(StringComparer.Ordinal);

    private readonly SqliteTenants _tenants;

    private long _lastPreview;

    private SqliteJobStore(SqliteConnection connection, JobPolicy policy, TimeProvider clock, IAuditLog? audit)
    {
        (_connection, _policy, Clock, _audit) = (connection, policy, clock, audit);
        _tenants = new SqliteTenants(Command);
    }

    /// <inheritdoc/>
    public TimeProvider Clock { get; }

    /// <summary>Opens a store.</summary>
    /// <param name="file">The file, created when it does not exist; null for memory.</param>
    /// <param name="policy">The policy, which determines when jobs must be checked.</param>
    /// <param name="clock">The clock; the system's when null.</param>
    /// <param name="audit">The audit log, which is another file; null for none.</param>
    /// <exception cref="PlatformUnavailableException">The file cannot be used, or another process uses it.</exception>
    public static SqliteJobStore Open(string? file, JobPolicy policy, TimeProvider? clock = null, IAuditLog? audit = null)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = file ?? ":memory:",
            Pooling = false,
            // The client library retries for so many seconds while another process holds the file; waiting longer has no use.
            DefaultTimeout = 1,
        }.ToString());
        try
        {
            connection.Open();
            // One process owns the file, so that a second one does not serve the same jobs. FULL: an accepted job is on the disk.
            Run(connection, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 0;");
            long version = (long)Scalar(connection, "PRAGMA user_version")!;
            if (version is not 0 and not SchemaVersion)
            {
                throw new PlatformUnavailableException(
                    PlatformPart.JobStore,
                    $"{file} was written by another version of Brownian (its schema is {version}, this program's {SchemaVersion})");
            }
            Run(connection, $"""
                CREATE TABLE IF NOT EXISTS jobs (
                  id TEXT PRIMARY KEY, version INTEGER NOT NULL, definition BLOB NOT NULL, record BLOB NOT NULL,
                  active INTEGER NOT NULL, due INTEGER, queue TEXT, sent INTEGER, idempotency_key TEXT UNIQUE,
                  tenant TEXT, day INTEGER, bytes INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
                CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due) WHERE due IS NOT NULL;
                CREATE INDEX IF NOT EXISTS jobs_queue ON jobs (queue, sent) WHERE queue IS NOT NULL;
                CREATE INDEX IF NOT EXISTS jobs_active ON jobs (active) WHERE active = 1;
                CREATE TABLE IF NOT EXISTS events (job TEXT NOT NULL, id INTEGER NOT NULL, event BLOB NOT NULL, PRIMARY KEY (job, id)) WITHOUT ROWID;
                CREATE TABLE IF NOT EXISTS outbox (event TEXT PRIMARY KEY, job TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;
                {SqliteTenants.Schema}
                PRAGMA user_version = {SchemaVersion};
                """);
            // Columns that files of versions up to 0.2 lack. Such a version can open the file again: it does not use them.
            if ((long)Scalar(connection, "SELECT count(*) FROM pragma_table_info('jobs') WHERE name = 'tenant'")! == 0)
            {
                Run(
                    connection,
                    "ALTER TABLE jobs ADD COLUMN tenant TEXT; ALTER TABLE jobs ADD COLUMN day INTEGER; "
                        + "ALTER TABLE jobs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;");
            }
            Run(connection, "CREATE INDEX IF NOT EXISTS jobs_tenant ON jobs (tenant, id)");
            return new SqliteJobStore(connection, policy, clock ?? TimeProvider.System, audit);
        }
        catch (SqliteException exception)
        {
            connection.Dispose();
            throw new PlatformUnavailableException(PlatformPart.JobStore, $"the job store {file} cannot be opened: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public async Task<StoredJob?> CreateAsync(StoredJob job, Admission admission, CancellationToken cancellationToken)
    {
        StoredJob? known = await UseAsync(() => Create(job, admission)).ConfigureAwait(false);
        if (known is null && _audit is not null && admission.Entry is { } entry)
        {
            await _audit.AppendAsync(entry, cancellationToken).ConfigureAwait(false);
        }
        return known;
    }

    /// <inheritdoc/>
    public Task<StoredJob?> FindAsync(string id, CancellationToken cancellationToken) => UseAsync(() => Find(id));

    /// <inheritdoc/>
    public Task<StoredJob?> FindByKeyAsync(string key, CancellationToken cancellationToken) => UseAsync(() =>
    {
        using SqliteCommand find = Command("SELECT id FROM jobs WHERE idempotency_key = $key", ("$key", key));
        return find.ExecuteScalar() is string id ? Find(id) : null;
    });

    /// <inheritdoc/>
    public Task<long> VersionAsync(string id, CancellationToken cancellationToken) => UseAsync(() =>
    {
        using SqliteCommand find = Command("SELECT version FROM jobs WHERE id = $id", ("$id", id));
        return find.ExecuteScalar() as long? ?? 0;
    });

    /// <inheritdoc/>
    public async Task<StoredJob?> TryWriteAsync(StoredJob before, JobChange change, CancellationToken cancellationToken)
    {
        var after = new StoredJob(before.Definition, change.Next, before.Version + 1);
        IReadOnlyList<IntegrationEventKind> outbox = _policy.PublishesEvents ? change.Outbox : [];
        bool written = await UseAsync(() =>
        {
            using SqliteTransaction transaction = _connection.BeginTransaction();
            using SqliteCommand update = Command(
                """
                UPDATE jobs SET version = $version, record = $record, active = $active, due = $due, queue = $queue, sent = $sent, bytes = $bytes
                WHERE id = $id AND version = $before
                """,
                [.. Columns(after), ("$before", before.Version)]);
            if (update.ExecuteNonQuery() == 0)
            {
                return false;
            }
            int active = (before.Record.HasEnded ? 1 : 0) - (after.Record.HasEnded ? 1 : 0);
            if (active != 0 || after.StoredBytes != before.StoredBytes)
            {
                _tenants.Add(before.Definition.Id, active, after.StoredBytes - before.StoredBytes);
            }
            if (after.Outcome is { } outcome && !before.Record.HasEnded && DayOf(before.Definition.Id) is { } day)
            {
                _tenants.Settle(
                    before.Definition.TenantName, day, outcome, after.Record.Artifacts.Count,
                    outcome == UsageOutcome.Done ? 0 : before.PixelStepsLeft());
            }
            foreach (JobEvent jobEvent in change.Events)
            {
                using SqliteCommand insert = Command(
                    "INSERT INTO events (job, id, event) VALUES ($job, $id, $event)", ("$job", before.Definition.Id), ("$id", jobEvent.Id),
                    ("$event", jobEvent.ToByteArray()));
                insert.ExecuteNonQuery();
            }
            foreach (IntegrationEventKind kind in outbox)
            {
                using SqliteCommand insert = Command(
                    "INSERT OR IGNORE INTO outbox (event, job, time) VALUES ($event, $job, $time)",
                    ("$event", new PendingEvent(before.Definition.Id, kind).Id),
                    ("$job", before.Definition.Id),
                    ("$time", Clock.GetUtcNow().ToUnixTimeMilliseconds()));
                insert.ExecuteNonQuery();
            }
            transaction.Commit();
            if (after.Record.HasEnded)
            {
                _previews.Remove(before.Definition.Id);
            }
            return true;
        }).ConfigureAwait(false);
        if (!written)
        {
            return null;
        }
        _signals.Raise(before.Definition.Id);
        if (outbox.Count > 0)
        {
            _posts.Raise(after, outbox);
        }
        return after;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<JobEvent>> EventsAsync(string id, long after, int most, CancellationToken cancellationToken) =>
        UseAsync<IReadOnlyList<JobEvent>>(() =>
    {
        using SqliteCommand select = Command(
            "SELECT event FROM events WHERE job = $job AND id > $after ORDER BY id LIMIT $most", ("$job", id), ("$after", after), ("$most", most));
        using SqliteDataReader reader = select.ExecuteReader();
        var events = new List<JobEvent>();
        while (reader.Read())
        {
            events.Add(JobEvent.Parser.ParseFrom((byte[])reader[0]));
        }
        return events;
    });

    /// <inheritdoc/>
    public async Task<bool> TryPutPreviewAsync(string id, long fence, JobEvent preview, CancellationToken cancellationToken)
    {
        bool put = await UseAsync(() =>
        {
            if (Find(id) is not { } job || !JobRules.Holds(job, fence))
            {
                return false;
            }
            _previews[id] = new JobPreview(++_lastPreview, preview);
            return true;
        }).ConfigureAwait(false);
        if (put)
        {
            _signals.Raise(id);
        }
        return put;
    }

    /// <inheritdoc/>
    public Task<JobPreview?> FindPreviewAsync(string id, long known, CancellationToken cancellationToken) =>
        UseAsync(() => _previews.TryGetValue(id, out JobPreview? preview) && preview.Number != known ? preview : null);

    /// <inheritdoc/>
    public async Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken)
    {
        var jobs = new List<StoredJob>();
        string? last = query.After;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Rows are parsed and matched outside the lock, so that running jobs can use the store in between.
            List<(string Id, byte[] Definition, byte[] Record, long Version)> rows =
                await UseAsync(() => Rows(query.Tenant, last)).ConfigureAwait(false);
            foreach ((_, byte[] definition, byte[] record, long version) in rows)
            {
                var job = new StoredJob(JobJson.Read<JobDefinition>(definition), JobJson.Read<JobRecord>(record), version);
                if (!query.Matches(job))
                {
                    continue;
                }
                if (jobs.Count == query.Max)
                {
                    return new JobPage(jobs, jobs[^1].Definition.Id);
                }
                jobs.Add(job);
            }
            if (rows.Count < Chunk || query.IsPast(rows[^1].Id))
            {
                return new JobPage(jobs, null);
            }
            last = rows[^1].Id;
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> DueAsync(int most, CancellationToken cancellationToken) => UseAsync<IReadOnlyList<string>>(
        () =>
            Ids(
                "SELECT id FROM jobs WHERE due <= $now ORDER BY due LIMIT $most", ("$now", Clock.GetUtcNow().ToUnixTimeMilliseconds()),
                ("$most", most)));

    /// <inheritdoc/>
    public Task<long> CountActiveAsync(CancellationToken cancellationToken) =>
        UseAsync(() => (long)Scalar(_connection, "SELECT count(*) FROM jobs WHERE active = 1")!);

    /// <inheritdoc/>
    public Task<double> FillAsync(CancellationToken cancellationToken) => Task.FromResult(0.0);

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, long>> WaitingAsync(CancellationToken cancellationToken) =>
        UseAsync<IReadOnlyDictionary<string, long>>(() =>
    {
        using SqliteCommand select = Command("SELECT queue, count(*) FROM jobs WHERE queue IS NOT NULL GROUP BY queue");
        using SqliteDataReader reader = select.ExecuteReader();
        var counts = new Dictionary<string, long>();
        while (reader.Read())
        {
            counts[reader.GetString(0)] = reader.GetInt64(1);
        }
        return counts;
    });

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PendingWork>> WorkAsync(CancellationToken cancellationToken)
    {
        // As in a listing, rows are parsed outside the lock.
        List<(byte[] Definition, byte[] Record)> rows = await UseAsync(() =>
        {
            using SqliteCommand select = Command("SELECT definition, record FROM jobs WHERE active = 1");
            using SqliteDataReader reader = select.ExecuteReader();
            var active = new List<(byte[], byte[])>();
            while (reader.Read())
            {
                active.Add(((byte[])reader[0], (byte[])reader[1]));
            }
            return active;
        }).ConfigureAwait(false);
        return PendingWork.Sum(
            rows.Select(row => PendingWork.Of(new StoredJob(JobJson.Read<JobDefinition>(row.Definition), JobJson.Read<JobRecord>(row.Record), 0)))
                .OfType<PendingWork>().Select(work => (work.Key, work.Units)));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> WaitingAsync(string queue, DateTimeOffset sentBefore, int most, CancellationToken cancellationToken) =>
        UseAsync<IReadOnlyList<string>>(() => Ids(
        "SELECT id FROM jobs WHERE queue = $queue AND sent < $before ORDER BY sent LIMIT $most",
        ("$queue", queue),
        ("$before", sentBefore.ToUnixTimeMilliseconds()),
        ("$most", most)));

    /// <inheritdoc/>
    public Task<long> CountWaitingAsync(string queue, DateTimeOffset sentBefore, CancellationToken cancellationToken) => UseAsync(() =>
    {
        using SqliteCommand count = Command("SELECT count(*) FROM jobs WHERE queue = $queue AND sent < $before");
        count.Parameters.AddWithValue("$queue", queue);
        count.Parameters.AddWithValue("$before", sentBefore.ToUnixTimeMilliseconds());
        return (long)count.ExecuteScalar()!;
    });

    /// <inheritdoc/>
    public IDisposable OnPosted(Action<StoredJob, IReadOnlyList<IntegrationEventKind>> posted) => _posts.Add(posted);

    /// <inheritdoc/>
    public Task<IReadOnlyList<PendingEvent>> PendingEventsAsync(DateTimeOffset postedBefore, int most, CancellationToken cancellationToken) =>
        UseAsync<IReadOnlyList<PendingEvent>>(() =>
        [
            .. Ids(
                "SELECT event FROM outbox WHERE time <= $before ORDER BY time LIMIT $most",
                ("$before", postedBefore.ToUnixTimeMilliseconds()),
                ("$most", most)).Select(PendingEvent.Find).OfType<PendingEvent>(),
        ]);

    /// <inheritdoc/>
    public Task<bool> HasPendingEventsAsync(string id, CancellationToken cancellationToken) =>
        UseAsync(() => Ids("SELECT event FROM outbox WHERE job = $id LIMIT 1", ("$id", id)).Count > 0);

    /// <inheritdoc/>
    public Task RemovePendingEventsAsync(IReadOnlyCollection<PendingEvent> published, CancellationToken cancellationToken) => UseAsync(() =>
    {
        using SqliteTransaction transaction = _connection.BeginTransaction();
        foreach (PendingEvent pending in published)
        {
            using SqliteCommand delete = Command("DELETE FROM outbox WHERE event = $event", ("$event", pending.Id));
            delete.ExecuteNonQuery();
        }
        transaction.Commit();
        return true;
    });

    /// <inheritdoc/>
    public Task RemoveAsync(string id, CancellationToken cancellationToken) => UseAsync(() =>
    {
        using SqliteTransaction transaction = _connection.BeginTransaction();
        _tenants.Remove(id);
        foreach (string table in (string[])["events WHERE job", "outbox WHERE job", "jobs WHERE id"])
        {
            using SqliteCommand delete = Command($"DELETE FROM {table} = $id", ("$id", id));
            delete.ExecuteNonQuery();
        }
        transaction.Commit();
        _previews.Remove(id);
        return true;
    });

    /// <inheritdoc/>
    public Task<long> AdmitAsync(DirectCall direct, Admission admission, TimeSpan lease, CancellationToken cancellationToken) => UseAsync(() =>
    {
        using SqliteTransaction transaction = _connection.BeginTransaction();
        long day = _tenants.Admit(direct.Tenant, direct.PixelSteps, admission, Now);
        _tenants.Lease(direct, Now + (long)lease.TotalMilliseconds, isNew: true);
        transaction.Commit();
        return day;
    });

    /// <inheritdoc/>
    public Task RenewAsync(DirectCall direct, TimeSpan lease, CancellationToken cancellationToken) => UseAsync(() =>
    {
        _tenants.Lease(direct, Now + (long)lease.TotalMilliseconds, isNew: false);
        return true;
    });

    /// <inheritdoc/>
    public Task EndAsync(DirectCall direct, long day, UsageOutcome outcome, int images, long unspent, CancellationToken cancellationToken) =>
        UseAsync(() =>
        {
            using SqliteTransaction transaction = _connection.BeginTransaction();
            _tenants.Lease(direct, null, isNew: false);
            _tenants.Settle(direct.Tenant, day, outcome, images, unspent);
            transaction.Commit();
            return true;
        });

    /// <inheritdoc/>
    public Task<TenantHeld> HeldAsync(string tenant, CancellationToken cancellationToken) => UseAsync(() => _tenants.Held(tenant, Now));

    /// <inheritdoc/>
    public Task<long> ImageBytesAsync(string tenant, CancellationToken cancellationToken) => UseAsync(() => _tenants.ImageBytes(tenant));

    /// <inheritdoc/>
    public Task<IReadOnlyList<TenantUsage>> UsageAsync(DateOnly first, DateOnly last, string? tenant, CancellationToken cancellationToken) =>
        UseAsync(() => _tenants.Usage(first, last, tenant));

    /// <inheritdoc/>
    public IDisposable OnChange(string id, Action changed) => _signals.Add(id, changed);

    /// <inheritdoc/>
    /// <remarks>There is only one process, so it leads.</remarks>
    public Task<bool> TryLeadAsync(string name, string holder, TimeSpan time, CancellationToken cancellationToken) => Task.FromResult(true);

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ConfigurationWarningsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>([]);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _connection.Dispose();
        }
    }

    private StoredJob? Create(StoredJob job, Admission admission)
    {
        using SqliteTransaction transaction = _connection.BeginTransaction();
        using SqliteCommand find = Command(
            "SELECT id FROM jobs WHERE id = $id OR idempotency_key = $key", ("$id", job.Definition.Id), ("$key", job.Definition.StoredKey));
        if (find.ExecuteScalar() is string known)
        {
            return Find(known);
        }
        using SqliteCommand insert = Command(
            """
            INSERT INTO jobs (id, version, definition, record, active, due, queue, sent, idempotency_key, tenant, day, bytes)
            VALUES ($id, $version, $definition, $record, $active, $due, $queue, $sent, $key, $tenant, $day, $bytes)
            """,
            [
                .. Columns(job), ("$definition", JobJson.Write(job.Definition)), ("$key", job.Definition.StoredKey),
                ("$tenant", job.Definition.TenantName),
                ("$day", _tenants.Admit(job.Definition.TenantName, job.Definition.PixelSteps, admission, Now)),
            ]);
        insert.ExecuteNonQuery();
        _tenants.Add(job.Definition.Id, job.Record.HasEnded ? 0 : 1, job.StoredBytes);
        transaction.Commit();
        return null;
    }

    private static void Run(SqliteConnection connection, string text)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, string text)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = text;
        return command.ExecuteScalar();
    }

    private static StoredJob Read(SqliteDataReader reader) =>
        new(JobJson.Read<JobDefinition>((byte[])reader[1]), JobJson.Read<JobRecord>((byte[])reader[2]), reader.GetInt64(3));

    /// <summary>Runs an operation on the caller's thread. SQLite's calls are synchronous and short, and are serialized.</summary>
    private Task<T> UseAsync<T>(Func<T> use)
    {
        try
        {
            lock (_lock)
            {
                return Task.FromResult(use());
            }
        }
        catch (QuotaExceededException exception)
        {
            return Task.FromException<T>(exception);
        }
        catch (SqliteException exception)
        {
            return Task.FromException<T>(new PlatformUnavailableException(PlatformPart.JobStore, "SQLite: " + exception.Message, exception));
        }
    }

    private long Now => Clock.GetUtcNow().ToUnixTimeMilliseconds();

    private long? DayOf(string id)
    {
        using SqliteCommand select = Command("SELECT day FROM jobs WHERE id = $id", ("$id", id));
        return select.ExecuteScalar() as long?;
    }

    /// <summary>Returns the next rows after the given id, newest first.</summary>
    private List<(string Id, byte[] Definition, byte[] Record, long Version)> Rows(string? tenant, string? after)
    {
        // Jobs of versions that stored no tenants are the default one's.
        using SqliteCommand select = Command(
            """
            SELECT id, definition, record, version FROM jobs
            WHERE ($after IS NULL OR id < $after) AND ($tenant IS NULL OR tenant = $tenant OR (tenant IS NULL AND $tenant = 'default'))
            ORDER BY id DESC LIMIT $most
            """,
            ("$tenant", tenant),
            ("$after", after),
            ("$most", Chunk));
        using SqliteDataReader reader = select.ExecuteReader();
        var rows = new List<(string, byte[], byte[], long)>();
        while (reader.Read())
        {
            rows.Add((reader.GetString(0), (byte[])reader[1], (byte[])reader[2], reader.GetInt64(3)));
        }
        return rows;
    }

    private StoredJob? Find(string id)
    {
        using SqliteCommand select = Command("SELECT id, definition, record, version FROM jobs WHERE id = $id", ("$id", id));
        using SqliteDataReader reader = select.ExecuteReader();
        return reader.Read() ? Read(reader) : null;
    }

    private List<string> Ids(string text, params (string, object?)[] parameters)
    {
        using SqliteCommand select = Command(text, parameters);
        using SqliteDataReader reader = select.ExecuteReader();
        var ids = new List<string>();
        while (reader.Read())
        {
            ids.Add(reader.GetString(0));
        }
        return ids;
    }

    private (string, object?)[] Columns(StoredJob job)
    {
        StageQueue? queue = job.Record.Waits ? job.Queue : null;
        return
        [
            ("$id", job.Definition.Id),
            ("$version", job.Version),
            ("$record", JobJson.Write(job.Record)),
            ("$active", job.Record.HasEnded ? 0 : 1),
            ("$due", JobRules.NextCheck(job.Definition, job.Record, _policy)?.ToUnixTimeMilliseconds()),
            ("$queue", queue?.Name),
            ("$sent", queue is null ? null : job.Record.Sent?.ToUnixTimeMilliseconds()),
            ("$bytes", job.StoredBytes),
        ];
    }

    private SqliteCommand Command(string text, params (string Name, object? Value)[] parameters)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = text;
        foreach ((string name, object? value) in parameters)
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }
        return command;
    }
}
