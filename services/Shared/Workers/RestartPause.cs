namespace Brownian.Workers;

/// <summary>Pauses that double, up to a limit, as long as something fails.</summary>
/// <param name="settings">The first pause and the limit.</param>
internal sealed class RestartPause(WorkerSettings settings)
{
    /// <summary>The next pause.</summary>
    public TimeSpan Next { get; private set; } = settings.RestartPause;

    /// <summary>Begins anew: it did not fail.</summary>
    public void Reset() => Next = settings.RestartPause;

    /// <summary>Waits for the pause, or until it is stopped.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Next, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Next = Next * 2 < settings.MaxRestartPause ? Next * 2 : settings.MaxRestartPause;
    }
}
