using Brownian.Platform.Embeddings;
using StackExchange.Redis;

namespace Brownian.Platform.Redis;

/// <summary>
/// A short lock a key. A waiter polls; the lock of a holder that dies expires, and the next waiter computes.
/// </summary>
/// <param name="redis">The cache's server.</param>
public sealed class RedisEncodingLock(RedisConnection redis) : IEncodingLock
{
    /// <summary>Longer than any encoding takes; a second one would do no harm.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    /// <inheritdoc/>
    public async Task<IEncodingLease> AcquireAsync(string key, CancellationToken cancellationToken)
    {
        RedisKey name = redis.Key("encoding:" + key);
        RedisValue mark = Guid.NewGuid().ToString("n");
        bool waited = false;
        while (!await redis.UseAsync(database => database.LockTakeAsync(name, mark, Longest), cancellationToken).ConfigureAwait(false))
        {
            waited = true;
            await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
        }
        return new Lease(redis, name, mark, waited);
    }

    private sealed class Lease(RedisConnection redis, RedisKey name, RedisValue mark, bool waited) : IEncodingLease
    {
        public bool Waited => waited;

        public async ValueTask DisposeAsync()
        {
            try
            {
                await redis.UseAsync(database => database.LockReleaseAsync(name, mark), CancellationToken.None).ConfigureAwait(false);
            }
            catch (PlatformUnavailableException)
            {
                // It runs out by itself.
            }
        }
    }
}
