using Brownian.Jobs.Blobs;
using Brownian.Models.Stages;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>Stores tensors in a Redis server: one hash for each job, without expiry.</summary>
/// <param name="redis">The server.</param>
public sealed class RedisBlobStore(RedisConnection redis) : IBlobStore
{
    private const string PutScript = RedisConnection.EvenWhenFull +
        """
        return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        """;

    /// <inheritdoc/>
    public async Task<BlobRef> PutAsync(string job, string key, StageValue value, CancellationToken cancellationToken)
    {
        BlobRef reference = BlobBytes.Refer(key, value);
        try
        {
            await redis.UseAsync(database => database.HashSetAsync(KeyOf(job), key, value.Bytes), cancellationToken).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException exception) when (exception.IsFull)
        {
            // The tensor belongs to a running job, and room is freed only when jobs end. There are no more running jobs than workers have slots.
            await redis.RunAsync(PutScript, [KeyOf(job)], [key, value.Bytes], cancellationToken).ConfigureAwait(false);
        }
        return reference;
    }

    /// <inheritdoc/>
    public async Task<StageValue?> GetAsync(string job, BlobRef reference, CancellationToken cancellationToken) => BlobBytes.Check(
        reference,
        (byte[]?)await redis.UseAsync(database => database.HashGetAsync(KeyOf(job), reference.Key), cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public Task RemoveAsync(string job, IReadOnlyCollection<string> keys, CancellationToken cancellationToken) => keys.Count == 0
        ? Task.CompletedTask
        : redis.UseAsync(database => database.HashDeleteAsync(KeyOf(job), [.. keys.Select(key => (RedisValue)key)]), cancellationToken);

    /// <inheritdoc/>
    public Task RemoveAsync(string job, CancellationToken cancellationToken) =>
        redis.UseAsync(database => database.KeyDeleteAsync(KeyOf(job)), cancellationToken);

    private RedisKey KeyOf(string job) => redis.Key("blobs:" + job);
}
