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

    /// <summary>The tables.</summary>
    public const string Schema =
        """
        CREATE TABLE IF NOT EXISTS tenant_requests (tenant TEXT NOT NULL, time INTEGER NOT NULL, id TEXT NOT NULL);
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
    public long Admit(string tenant, string id, long steps, Admission admission, long now)
    {
        TenantQuotas quotas = admission.Quotas;
        long day = now / Day;
        (string, object?)[] named = [("$tenant", tenant), ("$now", now), ("$after", now - Minute), ("$day", day), ("$id", id), ("$steps", steps)];
        Run("DELETE FROM tenant_requests WHERE time <= $after", named);
        if (quotas.RequestsPerMinute is { } minute && Number("SELECT count(*) FROM tenant_requests WHERE tenant = $tenant", named) is var requests
            && requests >= minute)
        {
            long? oldest = minute == 0 ? null : OldestOf(minute, requests, named);
            throw Refuse(QuotaKind.RequestsPerMinute, requests, (oldest ?? now) + Minute - now);
        }
        if (quotas.Jobs is { } jobs && Active(tenant, now) is var active && active >= jobs)
        {
            throw Refuse(QuotaKind.Jobs, active, 1000);
        }
        if (quotas.PixelStepsPerDay is { } daily && PixelSteps(tenant, day) is var used && used + steps > daily)
        {
            throw Refuse(QuotaKind.PixelStepsPerDay, used, ((day + 1) * Day) - now);
        }
        if (quotas.StoredBytes is { } stored && ImageBytes(tenant) + admission.UploadedBytes is var bytes && bytes >= stored)
        {
            throw Refuse(QuotaKind.StoredBytes, bytes, Minute);
        }
        if (quotas.RequestsPerMinute is not null)
        {
            Run("INSERT INTO tenant_requests (tenant, time, id) VALUES ($tenant, $now, $id)", named);
        }
        Run("DELETE FROM tenant_usage WHERE day < $oldest", [("$oldest", day - KeptDays)]);
        Run(
            "INSERT INTO tenant_usage (day, tenant, requests, pixel_steps) VALUES ($day, $tenant, 1, $steps) "
                + "ON CONFLICT DO UPDATE SET requests = requests + 1, pixel_steps = pixel_steps + $steps",
            named);
        return day;
    }

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
    public TenantHeld Held(string tenant, long now) => new(
        Number(
            "SELECT count(*) FROM tenant_requests WHERE tenant = $tenant AND time > $after", [("$tenant", tenant), ("$after", now - Minute)]),
        Active(tenant, now),
        PixelSteps(tenant, now / Day),
        ImageBytes(tenant));

    /// <summary>Returns the bytes of a tenant's images and files of jobs.</summary>
    public long ImageBytes(string tenant) => Number("SELECT total(bytes) FROM jobs WHERE tenant = $tenant", [("$tenant", tenant)]);

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

    private long OldestOf(long minute, long requests, (string, object?)[] named) => Number(
        "SELECT time FROM tenant_requests WHERE tenant = $tenant ORDER BY time LIMIT 1 OFFSET $skip", [.. named, ("$skip", requests - minute)]);

    private long Active(string tenant, long now) => Number(
        "SELECT (SELECT count(*) FROM jobs WHERE active = 1 AND tenant = $tenant) "
            + "+ (SELECT count(*) FROM tenant_direct WHERE tenant = $tenant AND expires > $now)",
        [("$tenant", tenant), ("$now", now)]);

    private long PixelSteps(string tenant, long day) => Number(
        "SELECT total(pixel_steps) FROM tenant_usage WHERE day = $day AND tenant = $tenant", [("$tenant", tenant), ("$day", day)]);

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
