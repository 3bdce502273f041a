using Brownian.Jobs.Embeddings;
using Medallion.Threading;
using Medallion.Threading.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>
/// A Redis lock for each key, which its holder renews. The lock of a holder that dies expires, and the next waiter computes the value.
/// </summary>
/// <param name="redis">The cache's server.</param>
public sealed class RedisEncodingLock(RedisConnection redis) : IEncodingLock
{
    private static readonly TimeSpan Expiry = TimeSpan.FromSeconds(10);

    // An encoding takes milliseconds to seconds.
    private static readonly TimeSpan MinPoll = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan MaxPoll = TimeSpan.FromMilliseconds(50);

    /// <inheritdoc/>
    public Task<IEncodingLease> AcquireAsync(string key, CancellationToken cancellationToken) => redis.UseAsync<IEncodingLease>(
        async database =>
        {
            var distributed = new RedisDistributedLock(
                redis.Key("encoding:" + key), database, options => options.Expiry(Expiry).BusyWaitSleepTime(MinPoll, MaxPoll));
            IDistributedSynchronizationHandle? handle = await distributed.TryAcquireAsync(TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
            bool waited = handle is null;
            handle ??= await distributed.AcquireAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            return new Lease(redis, handle, waited);
        },
        cancellationToken);

    private sealed class Lease(RedisConnection redis, IDistributedSynchronizationHandle handle, bool waited) : IEncodingLease
    {
        public bool Waited => waited;

        public async ValueTask DisposeAsync()
        {
            try
            {
                await redis.UseAsync(
                    async _ =>
                    {
                        await handle.DisposeAsync().ConfigureAwait(false);
                        return true;
                    },
                    CancellationToken.None).ConfigureAwait(false);
            }
            catch (PlatformUnavailableException)
            {
                // The lock expires.
            }
        }
    }
}
