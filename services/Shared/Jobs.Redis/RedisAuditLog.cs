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
    public async Task<IReadOnlyList<AuditEntry>> ReadAsync(
        string? tenant, DateTimeOffset before, int most, CancellationToken cancellationToken)
    {
        var entries = new List<AuditEntry>();
        foreach (RedisKey stream in (RedisKey[])[Acts, OfTenants(redis), Refused])
        {
            entries.AddRange(await ReadAsync(stream, tenant, before, most, cancellationToken).ConfigureAwait(false));
        }
        return [.. entries.OrderByDescending(entry => entry.Time).Take(most)];
    }

    private Task<RedisValue> AppendAsync(RedisKey stream, AuditEntry entry, int kept, CancellationToken cancellationToken) => redis.UseAsync(
        database => database.StreamAddAsync(stream, "entry", JobJson.Write(entry), maxLength: kept, useApproximateMaxLength: true),
        cancellationToken);

    private async Task<IReadOnlyList<AuditEntry>> ReadAsync(
        RedisKey stream, string? tenant, DateTimeOffset before, int most, CancellationToken cancellationToken)
    {
        var entries = new List<AuditEntry>();
        RedisValue last = "+";
        while (true)
        {
            RedisValue end = last;
            StreamEntry[] chunk = await redis.UseAsync(
                database => database.StreamRangeAsync(stream, "-", end, Chunk, Order.Descending), cancellationToken).ConfigureAwait(false);
            foreach (StreamEntry stored in chunk)
            {
                AuditEntry entry = JobJson.Read<AuditEntry>((byte[])stored["entry"]!);
                if (entry.Time < before && (tenant is null || entry.Tenant == tenant))
                {
                    entries.Add(entry);
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
