using Brownian.Jobs.Artifacts;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>Stores files in a Redis server, each as a string.</summary>
/// <param name="redis">The server.</param>
public sealed class RedisArtifactStore(RedisConnection redis) : IArtifactStore
{
    /// <summary>PTTL returns -2 for a key that does not exist and -1 for one that does not expire.</summary>
    private const string TouchScript =
        """
        local left = redis.call('PTTL', KEYS[1])
        if left == -2 then return 0 end
        if left >= 0 and left < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
        return 1
        """;

    private const string PutScript = RedisConnection.EvenWhenFull +
        """
        return redis.call('SET', KEYS[1], ARGV[1])
        """;

    /// <inheritdoc/>
    public async Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken)
    {
        try
        {
            await redis.UseAsync(database => database.StringSetAsync(KeyOf(id), bytes, lifetime, When.Always), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (PlatformUnavailableException exception) when (exception.IsFull && lifetime is null)
        {
            // The image belongs to a running job, and room is freed only when jobs end.
            await redis.RunAsync(PutScript, [KeyOf(id)], [bytes], cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken) =>
        (byte[]?)await redis.UseAsync(database => database.StringGetAsync(KeyOf(id)), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<bool> TouchAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken) =>
        (bool)await redis.RunAsync(TouchScript, [KeyOf(id)], [(long)lifetime.TotalMilliseconds], cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task RemoveAsync(string id, CancellationToken cancellationToken) =>
        redis.UseAsync(database => database.KeyDeleteAsync(KeyOf(id)), cancellationToken);

    private RedisKey KeyOf(string id) => redis.Key("artifact:" + id);
}
