using Brownian.Platform.Artifacts;
using StackExchange.Redis;

namespace Brownian.Platform.Redis;

/// <summary>Files in a Redis server, each a string.</summary>
/// <param name="redis">The server.</param>
public sealed class RedisArtifactStore(RedisConnection redis) : IArtifactStore
{
    /// <inheritdoc/>
    public Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken) =>
        redis.UseAsync(database => database.StringSetAsync(KeyOf(id), bytes, lifetime, When.Always), cancellationToken);

    /// <inheritdoc/>
    public async Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken) =>
        (byte[]?)await redis.UseAsync(database => database.StringGetAsync(KeyOf(id)), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task RemoveAsync(string id, CancellationToken cancellationToken) => redis.UseAsync(database => database.KeyDeleteAsync(KeyOf(id)), cancellationToken);

    private RedisKey KeyOf(string id) => redis.Key("artifact:" + id);
}
