using Brownian.Jobs.Access;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.V1;
using Google.Protobuf;
using StackExchange.Redis;
using Tenant = Brownian.Jobs.Access.Tenant;

namespace Brownian.Jobs.Redis;

/// <summary>
/// Stores jobs in a Redis server, for any number of processes. A job is a hash, its events are a stream, and the indexes are sorted sets. Every write
/// is one script, which the server runs atomically. The scripts access the keys of a job and the indexes of all jobs, so Redis Cluster is not
/// supported; a server with replicas is.
/// </summary>
public sealed class RedisJobStore : IJobStore
{
    private const string Changes = "changes";

    /// <summary>The number of events that are kept for a job. Only a watcher that reconnects misses the older ones, and it gets a snapshot.</summary>
    private const int MaxEvents = 4000;

    /// <summary>The number of jobs that are read at once for a listing.</summary>
    private const int Chunk = 100;

    /// <summary>
    /// Keys 3 to 6: due, active, queues, prefix of the queues' keys; 10: prefix of the previews' keys, which are removed when their jobs end; 11: the
    /// outbox, sorted by the time of the step; 12: prefix of the keys of tenants; 13: the audit log. Arguments as in <see cref="Columns"/>.
    /// </summary>
    private const string IndexFunction = RedisTenants.Functions +
        """
        local function index(id, due, active, queue, sent, work, units, bytes)
          local tenant = redis.call('HGET', KEYS[1], 'tenant')
          if tenant then
            redis.call(active == '1' and 'SADD' or 'SREM', KEYS[12] .. tenant .. ':active', id)
            local more = tonumber(bytes) - tonumber(redis.call('HGET', KEYS[1], 'bytes') or 0)
            if more ~= 0 then
              redis.call('HSET', KEYS[1], 'bytes', bytes)
              redis.call('HINCRBY', KEYS[12] .. tenant, 'bytes', more)
            end
          end
          local was = redis.call('HGET', KEYS[1], 'queue')
          if was and was ~= queue then
            redis.call('ZREM', KEYS[6] .. was, id)
            redis.call('HDEL', KEYS[1], 'queue')
            if redis.call('EXISTS', KEYS[6] .. was) == 0 then redis.call('SREM', KEYS[5], was) end
          end
          if queue ~= '' then
            redis.call('ZADD', KEYS[6] .. queue, sent, id)
            redis.call('HSET', KEYS[1], 'queue', queue)
            redis.call('SADD', KEYS[5], queue)
          end
          if work ~= '' then redis.call('HSET', KEYS[1], 'work', work, 'units', units) else redis.call('HDEL', KEYS[1], 'work', 'units') end
          if due ~= '' then redis.call('ZADD', KEYS[3], due, id) else redis.call('ZREM', KEYS[3], id) end
          if active == '1' then redis.call('SADD', KEYS[4], id) else
            redis.call('SREM', KEYS[4], id)
            redis.call('DEL', KEYS[10] .. id)
          end
        end

        """;

    private const string CreateScript = IndexFunction +
        """
        local id, version, record, due, active, queue, sent, work, units, bytes, definition, key, tenant, steps, entry, entries = unpack(ARGV, 1, 16)
        local known = redis.call('EXISTS', KEYS[1]) == 1 and KEYS[1]
        if not known and key ~= '' then
          local other = redis.call('HGET', KEYS[8], key)
          if other and redis.call('EXISTS', KEYS[9] .. other) == 1 then known = KEYS[9] .. other end
        end
        if known then return redis.call('HMGET', known, 'definition', 'record', 'version') end
        local day, kind, held, wait = admit(KEYS[12], KEYS[4], tenant, id, steps, unpack(ARGV, 17))
        if not day then return { kind, held, wait } end
        redis.call('HSET', KEYS[1], 'version', version, 'definition', definition, 'record', record, 'tenant', tenant, 'day', day)
        if tenant ~= 'default' then redis.call('ZADD', KEYS[12] .. tenant .. ':jobs', 0, id) end
        if key ~= '' then
          redis.call('HSET', KEYS[1], 'key', key)
          redis.call('HSET', KEYS[8], key, id)
        end
        redis.call('ZADD', KEYS[7], 0, id)
        index(id, due, active, queue, sent, work, units, bytes)
        if entry ~= '' then redis.call('XADD', KEYS[13], 'MAXLEN', '~', entries, '*', 'entry', entry) end
        return false
        """;

    /// <summary>
    /// Events are written first: their ids are the only data that the server could refuse. Also runs when the server is full: every stored job must
    /// be able to continue and to end, which frees what it holds.
    /// </summary>
    private const string WriteScript = IndexFunction +
        """
        local id, version, record, due, active, queue, sent, work, units, bytes = unpack(ARGV, 1, 10)
        local before, channel, most, time, outbox, outcome, images, unspent = unpack(ARGV, 11, 18)
        if redis.call('HGET', KEYS[1], 'version') ~= before then return 0 end

        """ + RedisConnection.EvenWhenFull +
        """
        if outcome ~= '' and redis.call('SISMEMBER', KEYS[4], id) == 1 then
          local owner = redis.call('HMGET', KEYS[1], 'tenant', 'day')
          if owner[1] then settle(KEYS[12], owner[1], owner[2], outcome, images, unspent) end
        end
        for i = 19, #ARGV, 2 do
          redis.call('XADD', KEYS[2], 'MAXLEN', '~', most, ARGV[i] .. '-0', 'event', ARGV[i + 1])
        end
        redis.call('HSET', KEYS[1], 'version', version, 'record', record)
        index(id, due, active, queue, sent, work, units, bytes)
        for event in string.gmatch(outbox, '%S+') do redis.call('ZADD', KEYS[11], time, event) end
        redis.call('PUBLISH', channel, id)
        return 1
        """;

    private const string RemoveScript = IndexFunction +
        """
        local id = ARGV[1]
        local tenant = redis.call('HGET', KEYS[1], 'tenant')
        if tenant then redis.call('ZREM', KEYS[12] .. tenant .. ':jobs', id) end
        index(id, '', '0', '', '', '', '', 0)
        redis.call('ZREM', KEYS[11], unpack(ARGV, 2))
        local key = redis.call('HGET', KEYS[1], 'key')
        if key and redis.call('HGET', KEYS[8], key) == id then redis.call('HDEL', KEYS[8], key) end
        redis.call('ZREM', KEYS[7], id)
        redis.call('DEL', KEYS[1], KEYS[2])
        return 1
        """;

    /// <summary>
    /// Keys: the job, its preview. The lease is checked in the same script as the write, so that a worker that lost it stores nothing.
    /// </summary>
    private const string PutPreviewScript =
        """
        local id, fence, event, life, channel = unpack(ARGV)
        local record = redis.call('HGET', KEYS[1], 'record')
        if not record then return 0 end
        record = cjson.decode(record)
        if record.phase ~= 'running' or record.fence ~= tonumber(fence) then return 0 end
        local time = redis.call('TIME')
        redis.call('HSET', KEYS[2], 'number', string.format('%.0f', time[1] * 1000000 + time[2]), 'event', event)
        redis.call('PEXPIRE', KEYS[2], life)
        redis.call('PUBLISH', channel, id)
        return 1
        """;

    private const string FindPreviewScript =
        """
        local number = redis.call('HGET', KEYS[1], 'number')
        if not number or number == ARGV[1] then return false end
        return { number, redis.call('HGET', KEYS[1], 'event') }
        """;

    private const string LeadScript =
        """
        local holder = redis.call('GET', KEYS[1])
        if holder and holder ~= ARGV[1] then return 0 end

        """ + RedisConnection.EvenWhenFull +
        """
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """;

    /// <summary>The lifetime of a preview, for the case that the end of its job does not remove it.</summary>
    private static readonly TimeSpan PreviewTime = TimeSpan.FromHours(1);

    private static readonly RedisValue[] JobFields = ["definition", "record", "version"];

    private readonly RedisConnection _redis;
    private readonly JobPolicy _policy;
    private readonly JobSignals _signals = new();
    private readonly PostSignals _posts = new();
    private readonly RedisTenants _tenants;
    private double _fill;
    private long _filled;

    /// <summary>Creates a store.</summary>
    /// <param name="redis">The server.</param>
    /// <param name="policy">The policy, which determines when jobs must be checked.</param>
    public RedisJobStore(RedisConnection redis, JobPolicy policy)
    {
        (_redis, _policy, _tenants) = (redis, policy, new RedisTenants(redis));
        redis.Listen(Changes, _signals.Raise, _signals.RaiseAll);
    }

    /// <inheritdoc/>
    public TimeProvider Clock => _redis.Clock;

    /// <inheritdoc/>
    public async Task<StoredJob?> CreateAsync(StoredJob job, Admission admission, CancellationToken cancellationToken)
    {
        RedisResult answer = await _redis.RunAsync(
            CreateScript,
            Keys(job.Definition.Id),
            [
                .. Columns(job), JobJson.Write(job.Definition), job.Definition.StoredKey ?? "", job.Definition.TenantName, job.Definition.PixelSteps,
                admission.Entry is { } entry ? JobJson.Write(entry) : "", IAuditLog.Kept, .. RedisTenants.Limits(admission),
            ],
            cancellationToken).ConfigureAwait(false);
        if (answer.IsNull)
        {
            return null;
        }
        RedisTenants.ThrowIfRefused(answer);
        return Read((RedisValue[])answer!);
    }

    /// <inheritdoc/>
    public async Task<StoredJob?> FindAsync(string id, CancellationToken cancellationToken) =>
        Read(await _redis.UseAsync(database => database.HashGetAsync(JobKey(id), JobFields), cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<StoredJob?> FindByKeyAsync(string key, CancellationToken cancellationToken)
    {
        RedisValue id = await _redis.UseAsync(database => database.HashGetAsync(_redis.Key("idempotency"), key), cancellationToken)
            .ConfigureAwait(false);
        return id.IsNull ? null : await FindAsync(id.ToString(), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<long> VersionAsync(string id, CancellationToken cancellationToken) =>
        (long)await _redis.UseAsync(database => database.HashGetAsync(JobKey(id), "version"), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<StoredJob?> TryWriteAsync(StoredJob before, JobChange change, CancellationToken cancellationToken)
    {
        var after = new StoredJob(before.Definition, change.Next, before.Version + 1);
        IReadOnlyList<IntegrationEventKind> outbox = _policy.PublishesEvents ? change.Outbox : [];
        var values = new List<RedisValue>(Columns(after))
        {
            before.Version,
            _redis.Key(Changes).ToString(),
            MaxEvents,
            outbox.Count == 0 ? "" : Clock.GetUtcNow().ToUnixTimeMilliseconds(),
            string.Join(' ', outbox.Select(kind => new PendingEvent(before.Definition.Id, kind).Id)),
            after.Outcome is { } outcome ? RedisTenants.NameOf(outcome) : "",
            after.Record.Artifacts.Count,
            after.Outcome is null or UsageOutcome.Done ? 0 : before.PixelStepsLeft(),
        };
        foreach (JobEvent update in change.Events)
        {
            values.Add(update.Id);
            values.Add(update.ToByteArray());
        }
        RedisResult written = await _redis.RunAsync(WriteScript, Keys(before.Definition.Id), [.. values], cancellationToken).ConfigureAwait(false);
        if (!(bool)written)
        {
            return null;
        }
        if (outbox.Count > 0)
        {
            _posts.Raise(after, outbox);
        }
        return after;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<JobEvent>> EventsAsync(string id, long after, int most, CancellationToken cancellationToken)
    {
        StreamEntry[] entries = await _redis.UseAsync(
            database =>
                database.StreamRangeAsync(EventsKey(id), string.Create(CultureInfo.InvariantCulture, $"{after + 1}-0"), count: most),
                cancellationToken).ConfigureAwait(false);
        return [.. entries.Select(entry => JobEvent.Parser.ParseFrom((byte[])entry["event"]!))];
    }

    /// <inheritdoc/>
    public async Task<bool> TryPutPreviewAsync(string id, long fence, JobEvent preview, CancellationToken cancellationToken) =>
        (bool)await _redis.RunAsync(
            PutPreviewScript,
            [JobKey(id), PreviewKey(id)],
            [id, fence, preview.ToByteArray(), (long)PreviewTime.TotalMilliseconds, _redis.Key(Changes).ToString()],
            cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<JobPreview?> FindPreviewAsync(string id, long known, CancellationToken cancellationToken)
    {
        RedisResult preview = await _redis.RunAsync(FindPreviewScript, [PreviewKey(id)], [known], cancellationToken).ConfigureAwait(false);
        return preview.IsNull ? null : new JobPreview((long)preview[0], JobEvent.Parser.ParseFrom((byte[])preview[1]!));
    }

    /// <inheritdoc/>
    public async Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken)
    {
        var jobs = new List<StoredJob>();
        string? last = query.After;
        while (true)
        {
            string[] ids = await IdsAsync(query.Tenant, last, cancellationToken).ConfigureAwait(false);
            foreach (StoredJob? job in await FindAsync(ids, cancellationToken).ConfigureAwait(false))
            {
                // A job that was removed in between is null.
                if (job is null || !query.Matches(job))
                {
                    continue;
                }
                if (jobs.Count == query.Max)
                {
                    return new JobPage(jobs, jobs[^1].Definition.Id);
                }
                jobs.Add(job);
            }
            if (ids.Length < Chunk || query.IsPast(ids[^1]))
            {
                return new JobPage(jobs, null);
            }
            last = ids[^1];
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> DueAsync(int most, CancellationToken cancellationToken) =>
        ScoredAsync(_redis.Key("due"), Clock.GetUtcNow(), Exclude.None, most, cancellationToken);

    /// <inheritdoc/>
    public async Task<double> FillAsync(CancellationToken cancellationToken)
    {
        if (!_redis.ReadWasFull() && _filled != 0 && System.Diagnostics.Stopwatch.GetElapsedTime(_filled) < TimeSpan.FromSeconds(1))
        {
            return _fill;
        }
        RedisResult answer = await _redis.UseAsync(database => database.ExecuteAsync("INFO", "memory"), cancellationToken).ConfigureAwait(false);
        Dictionary<string, string> lines = ((string?)answer ?? "").Split('\n').Select(line => line.Trim().Split(':')).Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0], pair => pair[1]);
        double most = Number("maxmemory");
        _fill = most > 0 ? Number("used_memory") / most : 0;
        _filled = System.Diagnostics.Stopwatch.GetTimestamp();
        return _fill;

        double Number(string name) => double.TryParse(lines.GetValueOrDefault(name), CultureInfo.InvariantCulture, out double value) ? value : 0;
    }

    /// <inheritdoc/>
    public Task<long> CountActiveAsync(CancellationToken cancellationToken) =>
        _redis.UseAsync(database => database.SetLengthAsync(_redis.Key("active")), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, long>> WaitingAsync(CancellationToken cancellationToken) =>
        _redis.UseAsync<IReadOnlyDictionary<string, long>>(
        async database =>
        {
            RedisValue[] queues = await database.SetMembersAsync(_redis.Key("queues")).ConfigureAwait(false);
            long[] counts =
                await Task.WhenAll(queues.Select(queue => database.SortedSetLengthAsync(QueueKey(queue.ToString())))).ConfigureAwait(false);
            return queues.Zip(counts).Where(pair => pair.Second > 0).ToDictionary(pair => pair.First.ToString(), pair => pair.Second);
        },
        cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PendingWork>> WorkAsync(CancellationToken cancellationToken)
    {
        RedisValue[] fields = await _redis.UseAsync(
            database => database.SortAsync(_redis.Key("active"), by: "nosort", get: [$"{JobKey("*")}->work", $"{JobKey("*")}->units"]),
            cancellationToken).ConfigureAwait(false);
        return PendingWork.Sum(fields.Chunk(2).Where(pair => !pair[0].IsNull).Select(pair => (pair[0].ToString(), (long)pair[1])));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> WaitingAsync(string queue, DateTimeOffset sentBefore, int most, CancellationToken cancellationToken) =>
        ScoredAsync(QueueKey(queue), sentBefore, Exclude.Stop, most, cancellationToken);

    /// <inheritdoc/>
    public Task<long> CountWaitingAsync(string queue, DateTimeOffset sentBefore, CancellationToken cancellationToken) => _redis.UseAsync(
        database => database.SortedSetLengthAsync(
            QueueKey(queue), double.NegativeInfinity, sentBefore.ToUnixTimeMilliseconds(), Exclude.Stop),
        cancellationToken);

    /// <inheritdoc/>
    public IDisposable OnPosted(Action<StoredJob, IReadOnlyList<IntegrationEventKind>> posted) => _posts.Add(posted);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PendingEvent>> PendingEventsAsync(DateTimeOffset postedBefore, int most, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> ids = await ScoredAsync(OutboxKey, postedBefore, Exclude.None, most, cancellationToken).ConfigureAwait(false);
        return [.. ids.Select(PendingEvent.Find).OfType<PendingEvent>()];
    }

    /// <inheritdoc/>
    public async Task<bool> HasPendingEventsAsync(string id, CancellationToken cancellationToken) =>
        (await _redis.UseAsync(database => database.SortedSetScoresAsync(OutboxKey, Members(PendingEvent.AllOf(id))), cancellationToken)
            .ConfigureAwait(false)).Any(time => time is not null);

    /// <inheritdoc/>
    public Task RemovePendingEventsAsync(IReadOnlyCollection<PendingEvent> published, CancellationToken cancellationToken) =>
        published.Count == 0
            ? Task.CompletedTask
            : _redis.UseAsync(database => database.SortedSetRemoveAsync(OutboxKey, Members(published)), cancellationToken);

    /// <inheritdoc/>
    public Task RemoveAsync(string id, CancellationToken cancellationToken) =>
        _redis.RunAsync(RemoveScript, Keys(id), [id, .. Members(PendingEvent.AllOf(id))], cancellationToken);

    /// <inheritdoc/>
    public Task<long> AdmitAsync(DirectCall direct, Admission admission, TimeSpan lease, CancellationToken cancellationToken) =>
        _tenants.AdmitAsync(direct, admission, lease, cancellationToken);

    /// <inheritdoc/>
    public Task RenewAsync(DirectCall direct, TimeSpan lease, CancellationToken cancellationToken) =>
        _tenants.RenewAsync(direct, lease, cancellationToken);

    /// <inheritdoc/>
    public Task EndAsync(DirectCall direct, long day, UsageOutcome outcome, int images, long unspent, CancellationToken cancellationToken) =>
        _tenants.EndAsync(direct, day, outcome, images, unspent, cancellationToken);

    /// <inheritdoc/>
    public Task<TenantHeld> HeldAsync(string tenant, CancellationToken cancellationToken) => _tenants.HeldAsync(tenant, cancellationToken);

    /// <inheritdoc/>
    public Task<long> ImageBytesAsync(string tenant, CancellationToken cancellationToken) => _tenants.ImageBytesAsync(tenant, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<TenantUsage>> UsageAsync(DateOnly first, DateOnly last, string? tenant, CancellationToken cancellationToken) =>
        _tenants.UsageAsync(first, last, tenant, cancellationToken);

    /// <inheritdoc/>
    public IDisposable OnChange(string id, Action changed) => _signals.Add(id, changed);

    /// <inheritdoc/>
    public async Task<bool> TryLeadAsync(string name, string holder, TimeSpan time, CancellationToken cancellationToken) =>
        (bool)await _redis.RunAsync(LeadScript, [_redis.Key("leader:" + name)], [holder, (long)time.TotalMilliseconds], cancellationToken)
            .ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> ConfigurationWarningsAsync(CancellationToken cancellationToken)
    {
        var warnings = new List<string>();
        try
        {
            string appendOnly = await SettingAsync("appendonly", cancellationToken).ConfigureAwait(false);
            string flush = await SettingAsync("appendfsync", cancellationToken).ConfigureAwait(false);
            string eviction = await SettingAsync("maxmemory-policy", cancellationToken).ConfigureAwait(false);
            if (appendOnly != "yes")
            {
                warnings.Add(
                    $"Redis keeps no append-only file (appendonly {appendOnly}): when Redis stops, all jobs since its "
                        + $"last snapshot are lost, accepted jobs too; set appendonly yes");
            }
            else if (flush != "always")
            {
                warnings.Add(
                    $"Redis answers before a write is on its disk (appendfsync {flush}): when its machine fails, "
                        + $"{(flush == "everysec" ? "up to two seconds" : "an unknown time")} of accepted jobs are lost; "
                        + "appendfsync always prevents this");
            }
            if (await SettingAsync("maxmemory", cancellationToken).ConfigureAwait(false) == "0")
            {
                warnings.Add(
                    "Redis has no limit of its memory (maxmemory 0): new jobs are never refused, and the kernel ends Redis when the machine or the "
                        + "container has no more memory; set maxmemory well below it");
            }
            if (eviction != "noeviction")
            {
                warnings.Add(
                    $"Redis evicts keys when its memory is full (maxmemory-policy {eviction}): jobs and their data can be lost without an "
                        + $"error; set maxmemory-policy noeviction, with which Redis refuses new jobs instead");
            }
        }
        catch (PlatformUnavailableException exception) when (exception.InnerException is RedisServerException)
        {
            warnings.Add(
                "Redis does not permit CONFIG GET: the platform cannot check whether Redis keeps accepted jobs when it stops "
                    + "and whether it evicts keys when its memory is full");
        }
        return warnings;
    }

    private static StoredJob? Read(RedisValue[] fields) =>
        fields is [{ IsNull: false } definition, { IsNull: false } record, { IsNull: false } version]
        ? new StoredJob(JobJson.Read<JobDefinition>((byte[])definition!), JobJson.Read<JobRecord>((byte[])record!), (long)version)
        : null;

    private RedisKey JobKey(string id) => _redis.Key("job:" + id);

    private RedisKey EventsKey(string id) => _redis.Key("events:" + id);

    private RedisKey PreviewKey(string id) => _redis.Key("preview:" + id);

    private RedisKey OutboxKey => _redis.Key("outbox");

    private static RedisValue[] Members(IReadOnlyCollection<PendingEvent> events) => [.. events.Select(pending => (RedisValue)pending.Id)];

    private RedisKey QueueKey(string queue) => _redis.Key("queue:" + queue);

    /// <summary>The keys in the scripts' numbering.</summary>
    private RedisKey[] Keys(string id) =>
    [
        JobKey(id), EventsKey(id), _redis.Key("due"), _redis.Key("active"), _redis.Key("queues"), QueueKey(""), _redis.Key("jobs"),
        _redis.Key("idempotency"), JobKey(""),
        PreviewKey(""), OutboxKey, RedisTenants.Prefix(_redis), RedisAuditLog.OfTenants(_redis),
    ];

    private RedisValue[] Columns(StoredJob job)
    {
        StageQueue? queue = job.Record.Waits ? job.Queue : null;
        var work = PendingWork.Of(job);
        return
        [
            job.Definition.Id,
            job.Version,
            JobJson.Write(job.Record),
            Milliseconds(JobRules.NextCheck(job.Definition, job.Record, _policy)),
            job.Record.HasEnded ? 0 : 1,
            queue?.Name ?? "",
            queue is null ? "" : Milliseconds(job.Record.Sent ?? default),
            work?.Key ?? "",
            work?.Units ?? 0,
            job.StoredBytes,
        ];
    }

    private static RedisValue Milliseconds(DateTimeOffset? time) => time is { } known ? known.ToUnixTimeMilliseconds() : "";

    private async Task<IReadOnlyList<string>> ScoredAsync(
        RedisKey key, DateTimeOffset until, Exclude exclude, int most, CancellationToken cancellationToken)
    {
        RedisValue[] ids = await _redis.UseAsync(
            database =>
                database.SortedSetRangeByScoreAsync(key, double.NegativeInfinity, until.ToUnixTimeMilliseconds(), exclude, Order.Ascending, 0, most),
                cancellationToken).ConfigureAwait(false);
        return [.. ids.Select(id => id.ToString())];
    }

    /// <summary>
    /// Returns ids, newest first. The default tenant also has the jobs of versions that stored no tenants, which are in the index of all.
    /// </summary>
    private async Task<string[]> IdsAsync(string? tenant, string? before, CancellationToken cancellationToken)
    {
        RedisKey index = tenant is null or Tenant.Default ? _redis.Key("jobs") : _redis.Key($"tenant:{tenant}:jobs");
        RedisResult ids = await _redis.UseAsync(
            database =>
                database.ExecuteAsync("ZREVRANGEBYLEX", index, before is null ? "+" : "(" + before, "-", "LIMIT", 0, Chunk),
                cancellationToken).ConfigureAwait(false);
        return (string[])ids!;
    }

    private Task<StoredJob?[]> FindAsync(string[] ids, CancellationToken cancellationToken) => _redis.UseAsync(
        async database =>
            (await Task.WhenAll(ids.Select(id => database.HashGetAsync(JobKey(id), JobFields))).ConfigureAwait(false)).Select(Read).ToArray(),
            cancellationToken);

    private async Task<string> SettingAsync(string name, CancellationToken cancellationToken)
    {
        RedisResult pair = await _redis.UseAsync(database => database.ExecuteAsync("CONFIG", "GET", name), cancellationToken).ConfigureAwait(false);
        return pair.Length > 1 ? pair[1].ToString() : "unknown";
    }
}
