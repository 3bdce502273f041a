using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>The audit log in a Redis server: two streams, of what was done and of refused calls.</summary>
/// <param name="redis">The server.</param>
public sealed class RedisAuditLog(RedisConnection redis) : IAuditLog
{
    private const int Chunk = 500;

    private RedisKey Refused => redis.Key("audit:refused");

    /// <summary>The stream of what was done. The entries about jobs are written with the jobs.</summary>
    public static RedisKey Done(RedisConnection redis) => redis.Key("audit");

    /// <inheritdoc/>
    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        AppendAsync(Done(redis), entry, IAuditLog.Kept, cancellationToken);

    /// <inheritdoc/>
    public Task AppendRefusalAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        AppendAsync(Refused, entry, IAuditLog.KeptRefusals, cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<AuditEntry>> ReadAsync(
        string? tenant, DateTimeOffset before, int most, CancellationToken cancellationToken)
    {
        IReadOnlyList<AuditEntry> done = await ReadAsync(Done(redis), tenant, before, most, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<AuditEntry> refused = await ReadAsync(Refused, tenant, before, most, cancellationToken).ConfigureAwait(false);
        return [.. done.Concat(refused).OrderByDescending(entry => entry.Time).Take(most)];
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
