namespace Brownian.Jobs;

/// <summary>Waits for a store or a broker that is away, for as long as it takes: what was computed is kept meanwhile.</summary>
internal static class Retry
{
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(1);

    /// <summary>Does something that the outage of a store or a broker only delays.</summary>
    /// <param name="act">What is done; tried again whenever it meets the outage.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <param name="limit">For how long it is tried again; null for as long as the outage lasts.</param>
    /// <exception cref="OperationCanceledException">The caller does not want to wait any longer.</exception>
    /// <exception cref="PlatformUnavailableException">The outage lasts longer than the limit.</exception>
    public static async Task<T> WhileAwayAsync<T>(Func<CancellationToken, Task<T>> act, CancellationToken cancellationToken, TimeSpan? limit = null)
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
