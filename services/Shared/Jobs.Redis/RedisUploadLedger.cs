using Brownian.Jobs.Uploads;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>
/// The upload ledger in a Redis server, for any number of gateways: a hash of entries, sorted sets by expiry for all uploads and for each owner,
/// and sums. Each operation is one script that uses the server's time.
/// </summary>
/// <param name="redis">The server.</param>
public sealed class RedisUploadLedger(RedisConnection redis) : IUploadLedger
{
    /// <summary>Keys: all ids by expiry, entries ("bytes owner"), sums by owner and in total, prefix of the owners' sets.</summary>
    private const string EntryFunctions =
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local function entry(id)
          local text = redis.call('HGET', KEYS[2], id)
          if not text then return nil end
          local bytes, owner = string.match(text, '^(%d+) (.*)$')
          return tonumber(bytes), owner
        end
        local function forget(id)
          local bytes, owner = entry(id)
          if not bytes then return end
          redis.call('HDEL', KEYS[2], id)
          redis.call('ZREM', KEYS[1], id)
          redis.call('ZREM', KEYS[4] .. owner, id)
          redis.call('HINCRBY', KEYS[3], 'all', -bytes)
          redis.call('HINCRBY', KEYS[3], 'of:' .. owner, -bytes)
          if redis.call('EXISTS', KEYS[4] .. owner) == 0 then redis.call('HDEL', KEYS[3], 'of:' .. owner) end
          if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('DEL', KEYS[3]) end
        end

        """;

    /// <summary>
    /// Returns false, or the number of the exceeded limit and the milliseconds until the oldest other entry that counts for it expires.
    /// </summary>
    private const string ReserveScript = EntryFunctions +
        """
        local id, owner, bytes, lifetime = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
        for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do forget(dead) end
        local own = KEYS[4] .. owner
        local before, was = entry(id)
        local same = was == owner
        local function refuse(bound, set)
          local left = lifetime
          local oldest = redis.call('ZRANGE', set, 0, 1, 'WITHSCORES')
          for i = 1, #oldest, 2 do
            if oldest[i] ~= id then
              left = oldest[i + 1] - now
              break
            end
          end
          return { bound, left }
        end
        if not same and redis.call('ZCARD', own) >= tonumber(ARGV[5]) then return refuse(0, own) end
        local sum = tonumber(redis.call('HGET', KEYS[3], 'of:' .. owner) or 0)
        local more = bytes - (same and before or 0)
        if more > 0 and sum + more > tonumber(ARGV[6]) then return refuse(1, own) end
        local all = tonumber(redis.call('HGET', KEYS[3], 'all') or 0)
        more = bytes - (before or 0)
        if more > 0 and all + more > tonumber(ARGV[7]) then return refuse(2, KEYS[1]) end
        forget(id)
        redis.call('HSET', KEYS[2], id, ARGV[3] .. ' ' .. owner)
        redis.call('ZADD', KEYS[1], now + lifetime, id)
        redis.call('ZADD', own, now + lifetime, id)
        redis.call('HINCRBY', KEYS[3], 'all', bytes)
        redis.call('HINCRBY', KEYS[3], 'of:' .. owner, bytes)
        return false
        """;

    private const string BytesScript = EntryFunctions +
        """
        for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do forget(dead) end
        return tonumber(redis.call('HGET', KEYS[3], 'of:' .. ARGV[1]) or 0)
        """;

    private const string ExtendScript = EntryFunctions +
        """
        local _, owner = entry(ARGV[1])
        if not owner then return 0 end
        local expires = now + tonumber(ARGV[2])
        if expires > tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) then
          redis.call('ZADD', KEYS[1], expires, ARGV[1])
          redis.call('ZADD', KEYS[4] .. owner, expires, ARGV[1])
        end
        return 1
        """;

    private const string ReleaseScript = EntryFunctions +
        """
        forget(ARGV[1])
        return 1
        """;

    private RedisKey[] Keys => [redis.Key("uploads:expiry"), redis.Key("uploads"), redis.Key("uploads:sums"), redis.Key("uploads:of:")];

    /// <inheritdoc/>
    public async Task<UploadRefusal?> ReserveAsync(UploadReservation reservation, UploadLimits limits, CancellationToken cancellationToken)
    {
        RedisResult refusal = await redis.RunAsync(
            ReserveScript,
            Keys,
            [
                reservation.Id, reservation.Owner, reservation.Bytes, (long)reservation.Lifetime.TotalMilliseconds,
                limits.MaxCountPerOwner, limits.MaxBytesPerOwner, limits.MaxBytes,
            ],
            cancellationToken).ConfigureAwait(false);
        return refusal.IsNull ? null : new UploadRefusal((UploadBound)(int)refusal[0], TimeSpan.FromMilliseconds((long)refusal[1]));
    }

    /// <inheritdoc/>
    public Task ExtendAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken) =>
        redis.RunAsync(ExtendScript, Keys, [id, (long)lifetime.TotalMilliseconds], cancellationToken);

    /// <inheritdoc/>
    public async Task<string?> FindOwnerAsync(string id, CancellationToken cancellationToken)
    {
        string? entry = await redis.UseAsync(database => database.HashGetAsync(redis.Key("uploads"), id), cancellationToken).ConfigureAwait(false);
        return entry?[(entry.IndexOf(' ', StringComparison.Ordinal) + 1)..];
    }

    /// <inheritdoc/>
    public async Task<long> BytesOfAsync(string owner, CancellationToken cancellationToken) =>
        (long)await redis.RunAsync(BytesScript, Keys, [owner], cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task ReleaseAsync(string id, CancellationToken cancellationToken) => redis.RunAsync(ReleaseScript, Keys, [id], cancellationToken);
}
