using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>The audit log in a Redis server: streams of what operators did, of what tenants did, and of refused calls.</summary>
/// <param name="redis">The server.</param>
public sealed class RedisAuditLog(RedisConnection redis) : IAuditLog
{
    private const int Chunk = 500;

    private RedisKey Refused => redis.Key("audit:refused");

    private RedisKey Acts => redis.Key("audit");

    /// <summary>The stream of what tenants did. The entries about submissions are written with the jobs.</summary>
    public static RedisKey OfTenants(RedisConnection redis) => redis.Key("audit:jobs");

    /// <inheritdoc/>
    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        AppendAsync(entry.IsOfTenant ? OfTenants(redis) : Acts, entry, IAuditLog.Kept, cancellationToken);

    /// <inheritdoc/>
    public Task AppendRefusalAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        AppendAsync(Refused, entry, IAuditLog.KeptRefusals, cancellationToken);

    /// <inheritdoc/>
    public async Task<AuditPage> ReadAsync(string? tenant, AuditPosition? after, int most, CancellationToken cancellationToken)
    {
        var entries = new List<(AuditPosition Position, AuditEntry Entry)>();
        RedisKey[] streams = [Acts, OfTenants(redis), Refused];
        for (int log = 0; log < streams.Length; log++)
        {
            RedisValue last = after is not { } position ? "+"
                : log < position.Log ? $"{position.First}-{position.Second}" : $"({position.First}-{position.Second}";
            entries.AddRange(await ReadAsync(streams[log], log, tenant, last, most + 1, cancellationToken).ConfigureAwait(false));
        }
        return AuditPage.Of([.. entries.OrderByDescending(entry => entry.Position.Order).Take(most + 1)], most);
    }

    private Task<RedisValue> AppendAsync(RedisKey stream, AuditEntry entry, int kept, CancellationToken cancellationToken) => redis.UseAsync(
        database => database.StreamAddAsync(stream, "entry", JobJson.Write(entry), maxLength: kept, useApproximateMaxLength: true),
        cancellationToken);

    /// <summary>Reads the newest entries of a stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="log">Its number in positions.</param>
    /// <param name="tenant">Only entries of this tenant; all when null.</param>
    /// <param name="last">The id at which the entries begin, as XREVRANGE takes it.</param>
    /// <param name="most">The largest number of entries.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    private async Task<List<(AuditPosition Position, AuditEntry Entry)>> ReadAsync(
        RedisKey stream, int log, string? tenant, RedisValue last, int most, CancellationToken cancellationToken)
    {
        var entries = new List<(AuditPosition, AuditEntry)>();
        while (true)
        {
            RedisValue end = last;
            StreamEntry[] chunk = await redis.UseAsync(
                database => database.StreamRangeAsync(stream, "-", end, Chunk, Order.Descending), cancellationToken).ConfigureAwait(false);
            foreach (StreamEntry stored in chunk)
            {
                AuditEntry entry = JobJson.Read<AuditEntry>((byte[])stored["entry"]!);
                if (tenant is null || entry.Tenant == tenant)
                {
                    ulong[] id = [.. stored.Id.ToString().Split('-').Select(part => ulong.Parse(part, CultureInfo.InvariantCulture))];
                    entries.Add((new AuditPosition(id[0], id[1], log), entry));
                }
                if (entries.Count == most)
                {
                    return entries;
                }
            }
            if (chunk.Length < Chunk)
            {
                return entries;
            }
            last = "(" + chunk[^1].Id;
        }
    }
}
