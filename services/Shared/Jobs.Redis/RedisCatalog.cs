using Brownian.Adapters;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.Models.Facts;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>
/// The catalogue in a Redis server. The server checks, in the script that writes, that a model's name has the same files everywhere.
/// </summary>
/// <param name="redis">The server.</param>
public sealed class RedisCatalog(RedisConnection redis) : ICatalog
{
    /// <summary>
    /// Removes workers without a recent heartbeat, by the server's time. Also runs when the server is full: restarted workers must be able to take
    /// the jobs that fill it.
    /// </summary>
    private const string RemoveExpiredFunction = RedisConnection.EvenWhenFull +
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])) do
          redis.call('HDEL', KEYS[1], id)
          redis.call('ZREM', KEYS[2], id)
        end

        """;

    /// <summary>
    /// From the fourth argument on, every two arguments are a model and its fingerprint. Returns the worker with another fingerprint.
    /// </summary>
    private const string SameFilesFunction = RemoveExpiredFunction +
        """
        for _, other in ipairs(redis.call('HVALS', KEYS[1])) do
          local card = cjson.decode(other)
          if card.id ~= ARGV[2] then
            for i = 4, #ARGV, 2 do
              local served = card.models[ARGV[i]]
              if served and served ~= ARGV[i + 1] then return other end
            end
          end
        end

        """;

    private const string PublishWorkerScript = SameFilesFunction +
        """
        redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
        redis.call('ZADD', KEYS[2], now, ARGV[2])
        return false
        """;

    private const string PublishModelScript = SameFilesFunction +
        """
        redis.call('HSET', KEYS[3], ARGV[4], ARGV[3])
        return false
        """;

    private const string PublishSignatureScript = RedisConnection.EvenWhenFull +
        """
        return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        """;

    private const string WorkersScript = RemoveExpiredFunction +
        """
        local answer = {}
        for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
          answer[#answer + 1] = redis.call('HGET', KEYS[1], id)
          answer[#answer + 1] = redis.call('ZSCORE', KEYS[2], id)
        end
        return answer
        """;

    /// <summary>
    /// Keys: the samples of each shape, and the shapes by the time of their last sample. Arguments: the numbers of samples and shapes to keep, then
    /// pairs of a shape and a time.
    /// </summary>
    private const string PublishCostsScript = RedisConnection.EvenWhenFull +
        """
        local time = redis.call('TIME')
        for i = 3, #ARGV, 2 do
          local samples = {}
          for sample in string.gmatch(redis.call('HGET', KEYS[1], ARGV[i]) or '', '%S+') do samples[#samples + 1] = sample end
          samples[#samples + 1] = ARGV[i + 1]
          local first = math.max(1, #samples - tonumber(ARGV[1]) + 1)
          redis.call('HSET', KEYS[1], ARGV[i], table.concat(samples, ' ', first))
          redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[i])
        end
        for _, shape in ipairs(redis.call('ZRANGE', KEYS[2], 0, -tonumber(ARGV[2]) - 1)) do
          redis.call('HDEL', KEYS[1], shape)
          redis.call('ZREM', KEYS[2], shape)
        end
        """;

    private RedisKey[] Keys => [redis.Key("workers"), redis.Key("workers:seen"), redis.Key("models")];

    /// <inheritdoc/>
    public async Task PublishAsync(WorkerCard worker, CancellationToken cancellationToken)
    {
        IEnumerable<RedisValue> models = worker.Models.SelectMany(model => (RedisValue[])[model.Key, model.Value]);
        RedisResult other = await redis.RunAsync(
            PublishWorkerScript, Keys, [AnnouncementTimeout, worker.Id, JobJson.Write(worker), .. models], cancellationToken).ConfigureAwait(false);
        foreach ((string model, string fingerprint) in worker.Models)
        {
            Require(model, fingerprint, worker.Id, other);
        }
    }

    /// <inheritdoc/>
    public Task RemoveAsync(string worker, CancellationToken cancellationToken) => redis.UseAsync(
        database => Task.WhenAll(database.HashDeleteAsync(Keys[0], worker), database.SortedSetRemoveAsync(Keys[1], worker)), cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken)
    {
        var answer = (RedisValue[])(await redis.RunAsync(WorkersScript, Keys, [AnnouncementTimeout], cancellationToken).ConfigureAwait(false))!;
        return
        [
            .. answer.Chunk(2)
                .Select(pair => JobJson.Read<WorkerCard>((byte[])pair[0]!) with { Seen = DateTimeOffset.FromUnixTimeMilliseconds((long)pair[1]) })
                .OrderBy(worker => worker.Id, StringComparer.Ordinal),
        ];
    }

    /// <inheritdoc/>
    public async Task PublishAsync(ModelCard model, CancellationToken cancellationToken)
    {
        RedisResult other = await redis.RunAsync(
            PublishModelScript, Keys, [AnnouncementTimeout, "", JobJson.Write(model), model.Name, model.Fingerprint],
            cancellationToken).ConfigureAwait(false);
        Require(model.Name, model.Fingerprint, null, other);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken)
    {
        RedisValue[] models = await redis.UseAsync(database => database.HashValuesAsync(Keys[2]), cancellationToken).ConfigureAwait(false);
        return [.. models.Select(Read).OrderBy(model => model.Name, StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public async Task<ModelCard?> FindModelAsync(string name, CancellationToken cancellationToken)
    {
        RedisValue model = await redis.UseAsync(database => database.HashGetAsync(Keys[2], name), cancellationToken).ConfigureAwait(false);
        return model.IsNull ? null : Read(model);
    }

    /// <inheritdoc/>
    public Task PublishAsync(ModelSignature signature, CancellationToken cancellationToken) =>
        redis.RunAsync(PublishSignatureScript, [Signatures], [signature.Model, JobJson.Write(signature)], cancellationToken);

    /// <inheritdoc/>
    public async Task<ModelSignature?> FindSignatureAsync(string name, string fingerprint, CancellationToken cancellationToken)
    {
        RedisValue signature = await redis.UseAsync(database => database.HashGetAsync(Signatures, name), cancellationToken).ConfigureAwait(false);
        return !signature.IsNull && JobJson.Read<ModelSignature>((byte[])signature!) is var found && found.Fingerprint == fingerprint ? found : null;
    }

    /// <inheritdoc/>
    public async Task PublishAsync(IReadOnlyCollection<CostSample> samples, CancellationToken cancellationToken)
    {
        if (samples.Count > 0)
        {
            IEnumerable<RedisValue> pairs = samples.SelectMany(sample => (RedisValue[])
            [
                JobJson.Write(new MeasuredShape(sample.Shape, sample.Provider)), sample.Seconds.ToString("G6", CultureInfo.InvariantCulture),
            ]);
            await redis.RunAsync(
                PublishCostsScript, [redis.Key("costs"), redis.Key("costs:seen")], [StageCosts.MaxSamples, StageCosts.MaxShapes, .. pairs],
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<StageCosts> CostsAsync(CancellationToken cancellationToken)
    {
        HashEntry[] costs = await redis.UseAsync(database => database.HashGetAllAsync(redis.Key("costs")), cancellationToken).ConfigureAwait(false);
        return new StageCosts(
            from entry in costs
            from sample in ReadSamples(entry)
            select sample);
    }

    private RedisKey Signatures => redis.Key("outlines");

    private static RedisValue AnnouncementTimeout => (long)CatalogRules.AnnouncementTimeout.TotalMilliseconds;

    /// <summary>Reads the times of a shape. What a newer version wrote in another form, or not this platform, is left out: times only help.</summary>
    private static IEnumerable<CostSample> ReadSamples(HashEntry entry)
    {
        MeasuredShape measured;
        try
        {
            measured = JobJson.Read<MeasuredShape>((byte[])entry.Name!);
        }
        catch (Exception exception) when (exception is System.Text.Json.JsonException or InvalidDataException)
        {
            yield break;
        }
        foreach (string sample in entry.Value.ToString().Split(' '))
        {
            if (double.TryParse(sample, CultureInfo.InvariantCulture, out double seconds) && seconds > 0 && double.IsFinite(seconds))
            {
                yield return new CostSample(measured.Shape, measured.Provider, seconds);
            }
        }
    }

    private static ModelCard Read(RedisValue model) => JobJson.Read<ModelCard>((byte[])model!);

    /// <summary>Throws the same exception as every catalogue.</summary>
    private static void Require(string model, string fingerprint, string? worker, RedisResult other)
    {
        if (!other.IsNull)
        {
            CatalogRules.RequireOneFingerprint(model, fingerprint, worker, [JobJson.Read<WorkerCard>((byte[])other!)]);
        }
    }

    /// <summary>The name of an entry of the measured times.</summary>
    private sealed record MeasuredShape(StageShape Shape, string Provider);
}
