namespace Brownian.Jobs;

/// <summary>Retries during an outage of a store or a broker, so that computed results are kept until the outage ends.</summary>
internal static class Retry
{
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(1);

    /// <summary>Runs an operation and retries it during an outage of a store or a broker.</summary>
    /// <param name="act">The operation; retried whenever it throws <see cref="PlatformUnavailableException"/>.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <param name="limit">How long it is retried; null for as long as the outage lasts.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="PlatformUnavailableException">The outage lasts longer than the limit.</exception>
    public static async Task<T> WhileUnavailableAsync<T>(
        Func<CancellationToken, Task<T>> act, CancellationToken cancellationToken, TimeSpan? limit = null)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        var pause = new DoublingPause(TimeSpan.FromMilliseconds(20), MaxPause);
        while (true)
        {
            try
            {
                return await act(cancellationToken).ConfigureAwait(false);
            }
            catch (PlatformUnavailableException) when (limit is null || System.Diagnostics.Stopwatch.GetElapsedTime(start) < limit)
            {
                await pause.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
