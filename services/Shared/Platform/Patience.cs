namespace Brownian.Platform;

/// <summary>Waits for a store or a broker that is away, for as long as it takes: what was computed is kept meanwhile.</summary>
internal static class Patience
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <summary>Does something that the outage of a store or a broker only delays.</summary>
    /// <exception cref="OperationCanceledException">The caller does not want to wait any longer.</exception>
    public static async Task<T> HaveAsync<T>(Func<CancellationToken, Task<T>> act, CancellationToken cancellationToken)
    {
        var pause = TimeSpan.FromMilliseconds(20);
        while (true)
        {
            try
            {
                return await act(cancellationToken).ConfigureAwait(false);
            }
            catch (PlatformUnavailableException)
            {
                await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
                pause = pause * 2 < Longest ? pause * 2 : Longest;
            }
        }
    }
}
