using Brownian.Jobs.Access;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>
/// What tenants use, in a Redis server. <c>tenant:NAME</c> is a hash with the bytes of images; <c>:active</c> a set of jobs that have not ended;
/// <c>:direct</c> a sorted set of direct calls by the ends of their leases; <c>:requests</c> a sorted set of the requests of the last minute by time;
/// <c>:jobs</c> the index of the tenant's jobs. <c>tenant:usage:DAY</c> is a hash of one day with the usage of all tenants.
/// </summary>
/// <param name="redis">The server.</param>
internal sealed class RedisTenants(RedisConnection redis)
{
    private const int KeptDays = 400;

    /// <summary>
    /// <c>admit</c> checks the quotas and counts a request; it returns the day, or false with the number of the quota (<see cref="QuotaKind"/>), what
    /// it holds and the milliseconds to wait. <c>settle</c> counts the end of a request. The prefix of the keys of tenants comes first.
    /// </summary>
    public const string Functions =
        """
        local function usage(prefix, day) return prefix .. 'usage:' .. day end
        local function admit(prefix, active, tenant, id, steps, minute, jobs, daily, stored, uploaded)
          local own = prefix .. tenant
          local time = redis.call('TIME')
          local now = time[1] * 1000 + math.floor(time[2] / 1000)
          local day = math.floor(now / 86400000)
          if minute ~= '' then
            redis.call('ZREMRANGEBYSCORE', own .. ':requests', '-inf', now - 60000)
            local held = redis.call('ZCARD', own .. ':requests')
            if held >= tonumber(minute) then
              local oldest = redis.call('ZRANGE', own .. ':requests', held - minute, held - minute, 'WITHSCORES')
              return false, 1, held, oldest[2] and oldest[2] + 60000 - now or 60000
            end
          end
          if jobs ~= '' then
            redis.call('ZREMRANGEBYSCORE', own .. ':direct', '-inf', now)
            local held = redis.call('SCARD', own .. ':active') + redis.call('ZCARD', own .. ':direct')
            if held >= tonumber(jobs) then
              -- A worker of an earlier version ends a job without this set. Not at each refusal, of which there may be many.
              if not redis.call('SET', own .. ':swept', 1, 'NX', 'EX', 10) then return false, 2, held, 1000 end
              for _, other in ipairs(redis.call('SMEMBERS', own .. ':active')) do
                if redis.call('SISMEMBER', active, other) == 0 then held = held - redis.call('SREM', own .. ':active', other) end
              end
              if held >= tonumber(jobs) then return false, 2, held, 1000 end
            end
          end
          if daily ~= '' then
            local held = tonumber(redis.call('HGET', usage(prefix, day), tenant .. ' pixel_steps') or 0)
            if held + tonumber(steps) > tonumber(daily) then return false, 3, held, (day + 1) * 86400000 - now end
          end
          if stored ~= '' then
            local held = tonumber(redis.call('HGET', own, 'bytes') or 0) + tonumber(uploaded)
            if held >= tonumber(stored) then return false, 4, held, 60000 end
          end
          if minute ~= '' then
            redis.call('ZADD', own .. ':requests', now, id)
            redis.call('PEXPIRE', own .. ':requests', 60000)
          end
          redis.call('HINCRBY', usage(prefix, day), tenant .. ' requests', 1)
          redis.call('HINCRBY', usage(prefix, day), tenant .. ' pixel_steps', steps)
          redis.call('EXPIRE', usage(prefix, day), 34560000)
          return day
        end
        local function settle(prefix, tenant, day, outcome, images, unspent)
          local hash = usage(prefix, day)
          if outcome == 'abandoned' then redis.call('HINCRBY', hash, tenant .. ' requests', -1)
          else redis.call('HINCRBY', hash, tenant .. ' ' .. outcome, 1) end
          if images ~= '0' then redis.call('HINCRBY', hash, tenant .. ' images', images) end
          if unspent ~= '0' then redis.call('HINCRBY', hash, tenant .. ' pixel_steps', '-' .. unspent) end
        end

        """;

    private const string AdmitScript = Functions +
        """
        local id, tenant, steps, lease = unpack(ARGV, 1, 4)
        local day, kind, held, wait = admit(KEYS[1], KEYS[2], tenant, id, steps, unpack(ARGV, 5))
        if not day then return { kind, held, wait } end
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1] .. tenant .. ':direct', time[1] * 1000 + math.floor(time[2] / 1000) + lease, id)
        return day
        """;

    private const string RenewScript =
        """
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1], 'XX', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
        return 1
        """;

    /// <summary>Settles a call once, also when the command is sent again. A call whose lease has ended is settled too.</summary>
    private const string EndScript = Functions +
        """
        local id, tenant, day, outcome, images, unspent = unpack(ARGV)
        redis.call('ZREM', KEYS[1] .. tenant .. ':direct', id)
        settle(KEYS[1], tenant, day, outcome, images, unspent)
        return 1
        """;

    private const string HeldScript =
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local day = math.floor(now / 86400000)
        local own = KEYS[1] .. ARGV[1]
        return {
          redis.call('ZCOUNT', own .. ':requests', '(' .. (now - 60000), '+inf'),
          redis.call('SCARD', own .. ':active') + redis.call('ZCOUNT', own .. ':direct', '(' .. now, '+inf'),
          tonumber(redis.call('HGET', KEYS[1] .. 'usage:' .. day, ARGV[1] .. ' pixel_steps') or 0),
          tonumber(redis.call('HGET', own, 'bytes') or 0),
        }
        """;

    /// <summary>The prefix of the keys of tenants.</summary>
    public static RedisKey Prefix(RedisConnection redis) => redis.Key("tenant:");

    /// <summary>The arguments of <c>admit</c> after the steps.</summary>
    public static RedisValue[] Limits(Admission admission) =>
    [
        Text(admission.Quotas.RequestsPerMinute), Text(admission.Quotas.Jobs), Text(admission.Quotas.PixelStepsPerDay),
        Text(admission.Quotas.StoredBytes), admission.UploadedBytes,
    ];

    /// <summary>The name of an outcome in the scripts.</summary>
    public static string NameOf(UsageOutcome outcome) => outcome.ToString().ToLowerInvariant();

    /// <summary>Throws the refusal that <c>admit</c> returned: three numbers.</summary>
    public static void ThrowIfRefused(RedisResult answer)
    {
        if (answer.Length == 3 && answer[0].Resp2Type == ResultType.Integer)
        {
            throw new QuotaExceededException(
                new QuotaRefusal((QuotaKind)(int)answer[0], (long)answer[1], TimeSpan.FromMilliseconds(Math.Max(1, (long)answer[2]))));
        }
    }

    /// <inheritdoc cref="ITenantLedger.AdmitAsync"/>
    public async Task<long> AdmitAsync(DirectCall direct, Admission admission, TimeSpan lease, CancellationToken cancellationToken)
    {
        RedisResult answer = await redis.RunAsync(
            AdmitScript,
            [Prefix(redis), redis.Key("active")],
            [direct.Id, direct.Tenant, direct.PixelSteps, (long)lease.TotalMilliseconds, .. Limits(admission)],
            cancellationToken).ConfigureAwait(false);
        ThrowIfRefused(answer);
        return (long)answer;
    }

    /// <inheritdoc cref="ITenantLedger.RenewAsync"/>
    public Task RenewAsync(DirectCall direct, TimeSpan lease, CancellationToken cancellationToken) => redis.RunAsync(
        RenewScript, [redis.Key($"tenant:{direct.Tenant}:direct")], [direct.Id, (long)lease.TotalMilliseconds], cancellationToken);

    /// <inheritdoc cref="ITenantLedger.EndAsync"/>
    public Task EndAsync(DirectCall direct, long day, UsageOutcome outcome, int images, long unspent, CancellationToken cancellationToken) =>
        redis.RunAsync(EndScript, [Prefix(redis)], [direct.Id, direct.Tenant, day, NameOf(outcome), images, unspent], cancellationToken);

    /// <inheritdoc cref="ITenantLedger.HeldAsync"/>
    public async Task<TenantHeld> HeldAsync(string tenant, CancellationToken cancellationToken)
    {
        RedisResult held = await redis.RunAsync(HeldScript, [Prefix(redis)], [tenant], cancellationToken).ConfigureAwait(false);
        return new TenantHeld((long)held[0], (long)held[1], (long)held[2], (long)held[3]);
    }

    /// <inheritdoc cref="ITenantLedger.ImageBytesAsync"/>
    public async Task<long> ImageBytesAsync(string tenant, CancellationToken cancellationToken) => (long)await redis.UseAsync(
        database => database.HashGetAsync(redis.Key("tenant:" + tenant), "bytes"), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc cref="ITenantLedger.UsageAsync"/>
    public async Task<IReadOnlyList<TenantUsage>> UsageAsync(DateOnly first, DateOnly last, string? tenant, CancellationToken cancellationToken)
    {
        DateOnly[] days = [.. Enumerable.Range(0, Math.Clamp(last.DayNumber - first.DayNumber + 1, 0, KeptDays + 1)).Select(first.AddDays)];
        HashEntry[][] hashes = await redis.UseAsync(
            database => Task.WhenAll(days.Select(day => database.HashGetAllAsync(redis.Key($"tenant:usage:{NumberOf(day)}")))),
            cancellationToken).ConfigureAwait(false);
        return [.. days.Zip(hashes).SelectMany(pair => Read(pair.First, pair.Second)).Where(usage => tenant is null || usage.Tenant == tenant)];
    }

    private static long NumberOf(DateOnly day) => day.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;

    private static IEnumerable<TenantUsage> Read(DateOnly day, HashEntry[] fields) =>
        fields.Select(field => (Name: field.Name.ToString().Split(' '), Value: (long)field.Value))
            .GroupBy(field => field.Name[0], StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group =>
            {
                var values = group.ToDictionary(field => field.Name[1], field => field.Value, StringComparer.Ordinal);
                return new TenantUsage(
                    group.Key, day, values.GetValueOrDefault("requests"), values.GetValueOrDefault("done"), values.GetValueOrDefault("failed"),
                    values.GetValueOrDefault("cancelled"), values.GetValueOrDefault("images"), values.GetValueOrDefault("pixel_steps"));
            });

    private static RedisValue Text(long? limit) => limit is { } known ? known : "";
}
