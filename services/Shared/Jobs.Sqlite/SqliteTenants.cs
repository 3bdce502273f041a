using Brownian.Jobs.Access;
using Microsoft.Data.Sqlite;

namespace Brownian.Jobs.Sqlite;

/// <summary>
/// What tenants use, in tables of the job store's file. All methods are called within an operation of the store, in its transaction.
/// </summary>
/// <param name="command">Creates a statement.</param>
internal sealed class SqliteTenants(Func<string, (string, object?)[], SqliteCommand> command)
{
    private const long Day = 86_400_000;
    private const long Minute = 60_000;
    private const int KeptDays = 400;

    /// <summary>The number of requests after which old ones are removed.</summary>
    private const int Swept = 64;

    private long _sweptDay;

    /// <summary>The tables.</summary>
    public const string Schema =
        """
        CREATE TABLE IF NOT EXISTS tenant_totals (
          tenant TEXT PRIMARY KEY, active INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS tenant_requests (
          tenant TEXT NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (tenant, number)) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS tenant_requests_time ON tenant_requests (tenant, time);
        CREATE TABLE IF NOT EXISTS tenant_direct (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS tenant_usage (
          day INTEGER NOT NULL, tenant TEXT NOT NULL, requests INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
          failed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0, images INTEGER NOT NULL DEFAULT 0,
          pixel_steps INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (day, tenant)) WITHOUT ROWID;
        """;

    /// <summary>Checks the quotas and counts a request.</summary>
    /// <returns>The day for which it counts.</returns>
    /// <exception cref="QuotaExceededException">A quota would be exceeded.</exception>
    public long Admit(string tenant, long steps, Admission admission, long now)
    {
        long day = now / Day;
        (string, object?)[] named = [("$tenant", tenant), ("$now", now), ("$after", now - Minute), ("$day", day), ("$steps", steps)];
        long last = admission.Quotas == TenantQuotas.None ? 0 : Check(steps, admission, now, named);
        if (admission.Quotas.RequestsPerMinute is not null)
        {
            Run("INSERT INTO tenant_requests (tenant, number, time) VALUES ($tenant, $number, $now)", [.. named, ("$number", last + 1)]);
            if (last % Swept == 0)
            {
                Run("DELETE FROM tenant_requests WHERE tenant = $tenant AND time <= $after", named);
            }
        }
        if (_sweptDay != day)
        {
            Run("DELETE FROM tenant_usage WHERE day < $oldest", [("$oldest", day - KeptDays)]);
            _sweptDay = day;
        }
        Run(
            "INSERT INTO tenant_usage (day, tenant, requests, pixel_steps) VALUES ($day, $tenant, 1, $steps) "
                + "ON CONFLICT DO UPDATE SET requests = requests + 1, pixel_steps = pixel_steps + $steps",
            named);
        return day;
    }

    /// <summary>Counts what a job holds for its tenant, by its row; jobs of versions that stored no tenants hold nothing.</summary>
    /// <param name="id">The job.</param>
    /// <param name="active">The change of the number of jobs that have not ended.</param>
    /// <param name="bytes">The change of the bytes.</param>
    public void Add(string id, int active, long bytes) => Run(
        "INSERT INTO tenant_totals (tenant, active, bytes) SELECT tenant, $active, $bytes FROM jobs WHERE id = $id AND tenant IS NOT NULL "
            + "ON CONFLICT DO UPDATE SET active = active + $active, bytes = bytes + $bytes",
        [("$id", id), ("$active", active), ("$bytes", bytes)]);

    /// <summary>Counts that a job is about to be removed.</summary>
    public void Remove(string id) => Run(
        "UPDATE tenant_totals SET active = active - (SELECT active FROM jobs WHERE id = $id), "
            + "bytes = bytes - (SELECT bytes FROM jobs WHERE id = $id) WHERE tenant = (SELECT tenant FROM jobs WHERE id = $id)",
        [("$id", id)]);

    /// <summary>Counts the end of a request.</summary>
    public void Settle(string tenant, long day, UsageOutcome outcome, int images, long unspent)
    {
        string counted = outcome switch
        {
            UsageOutcome.Abandoned => "requests = requests - 1",
            UsageOutcome.Done => "done = done + 1",
            UsageOutcome.Failed => "failed = failed + 1",
            _ => "cancelled = cancelled + 1",
        };
        Run(
            $"UPDATE tenant_usage SET {counted}, images = images + $images, pixel_steps = pixel_steps - $unspent "
                + "WHERE day = $day AND tenant = $tenant",
            [("$tenant", tenant), ("$day", day), ("$images", images), ("$unspent", unspent)]);
    }

    /// <summary>Sets the time until which a direct call counts as running.</summary>
    /// <param name="direct">The call.</param>
    /// <param name="expires">The time; null to end the call.</param>
    /// <param name="isNew">Whether a call that does not run yet is added.</param>
    public void Lease(DirectCall direct, long? expires, bool isNew) => Run(
        expires is null ? "DELETE FROM tenant_direct WHERE id = $id"
        : isNew ? "INSERT OR REPLACE INTO tenant_direct (id, tenant, expires) VALUES ($id, $tenant, $expires)"
        : "UPDATE tenant_direct SET expires = $expires WHERE id = $id",
        [("$id", direct.Id), ("$tenant", direct.Tenant), ("$expires", expires)]);

    /// <summary>Returns what counts for a tenant's quotas.</summary>
    public TenantHeld Held(string tenant, long now) =>
        Read([("$tenant", tenant), ("$now", now), ("$after", now - Minute), ("$day", now / Day)]).Held;

    /// <summary>Returns the bytes of a tenant's images and files of jobs.</summary>
    public long ImageBytes(string tenant) => Number("SELECT bytes FROM tenant_totals WHERE tenant = $tenant", [("$tenant", tenant)]);

    /// <summary>Returns the usage of days.</summary>
    public IReadOnlyList<TenantUsage> Usage(DateOnly first, DateOnly last, string? tenant)
    {
        int epoch = DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;
        using SqliteCommand select = command(
            """
            SELECT tenant, day, requests, done, failed, cancelled, images, pixel_steps FROM tenant_usage
            WHERE day BETWEEN $first AND $last AND ($tenant IS NULL OR tenant = $tenant) ORDER BY day, tenant
            """,
            [("$first", first.DayNumber - epoch), ("$last", last.DayNumber - epoch), ("$tenant", tenant)]);
        using SqliteDataReader reader = select.ExecuteReader();
        var usage = new List<TenantUsage>();
        while (reader.Read())
        {
            usage.Add(new TenantUsage(
                reader.GetString(0), DateOnly.FromDayNumber(epoch + reader.GetInt32(1)), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4),
                reader.GetInt64(5), reader.GetInt64(6), reader.GetInt64(7)));
        }
        return usage;
    }

    private static QuotaExceededException Refuse(QuotaKind kind, long held, long milliseconds) =>
        new(new QuotaRefusal(kind, held, TimeSpan.FromMilliseconds(Math.Max(1, milliseconds))));

    /// <summary>Checks the quotas.</summary>
    /// <returns>The number of the tenant's last request; 0 for none.</returns>
    private long Check(long steps, Admission admission, long now, (string, object?)[] named)
    {
        (TenantHeld held, long last) = Read(named);
        TenantQuotas quotas = admission.Quotas;
        if (held.RequestsInMinute >= quotas.RequestsPerMinute)
        {
            // Once this request is a minute old, fewer than the quota are left.
            long? oldest = quotas.RequestsPerMinute == 0 ? null : Number(
                "SELECT time FROM tenant_requests WHERE tenant = $tenant AND number = $number",
                [.. named, ("$number", last - quotas.RequestsPerMinute + 1)]);
            throw Refuse(QuotaKind.RequestsPerMinute, held.RequestsInMinute, (oldest ?? now) + Minute - now);
        }
        if (held.Jobs >= quotas.Jobs)
        {
            throw Refuse(QuotaKind.Jobs, held.Jobs, 1000);
        }
        if (held.PixelStepsToday + steps > quotas.PixelStepsPerDay)
        {
            throw Refuse(QuotaKind.PixelStepsPerDay, held.PixelStepsToday, (((now / Day) + 1) * Day) - now);
        }
        long bytes = held.ImageBytes + admission.UploadedBytes;
        return bytes >= quotas.StoredBytes ? throw Refuse(QuotaKind.StoredBytes, bytes, Minute) : last;
    }

    /// <summary>Reads what counts for the quotas, and the number of the last request. Each part is found by an index.</summary>
    private (TenantHeld Held, long Last) Read((string, object?)[] named)
    {
        // Numbers are consecutive, so that requests need not be counted one by one.
        const string Text =
            """
            SELECT
              ifnull((SELECT max(number) FROM tenant_requests WHERE tenant = $tenant), 0),
              ifnull((SELECT number FROM tenant_requests WHERE tenant = $tenant AND time > $after ORDER BY time, number LIMIT 1), 0),
              ifnull((SELECT active FROM tenant_totals WHERE tenant = $tenant), 0)
                + (SELECT count(*) FROM tenant_direct WHERE tenant = $tenant AND expires > $now),
              ifnull((SELECT pixel_steps FROM tenant_usage WHERE day = $day AND tenant = $tenant), 0),
              ifnull((SELECT bytes FROM tenant_totals WHERE tenant = $tenant), 0)
            """;
        using SqliteCommand select = command(Text, Used(Text, named));
        using SqliteDataReader reader = select.ExecuteReader();
        reader.Read();
        long last = reader.GetInt64(0), first = reader.GetInt64(1);
        return (new TenantHeld(first == 0 ? 0 : last - first + 1, reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4)), last);
    }

    private long Number(string text, (string Name, object?)[] named)
    {
        using SqliteCommand select = command(text, Used(text, named));
        return select.ExecuteScalar() switch
        {
            long whole => whole,
            double sum => (long)sum,
            _ => 0,
        };
    }

    private void Run(string text, (string Name, object?)[] named)
    {
        using SqliteCommand run = command(text, Used(text, named));
        run.ExecuteNonQuery();
    }

    /// <summary>Returns those of the parameters that a statement names.</summary>
    private static (string, object?)[] Used(string text, (string Name, object?)[] named) =>
        [.. named.Where(parameter => text.Contains(parameter.Name, StringComparison.Ordinal))];
}
