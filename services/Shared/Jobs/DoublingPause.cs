namespace Brownian.Jobs;

/// <summary>Pauses that double, up to a limit, as long as something fails.</summary>
/// <param name="first">The first pause.</param>
/// <param name="max">The longest pause.</param>
internal sealed class DoublingPause(TimeSpan first, TimeSpan max)
{
    private TimeSpan? _doubled;

    /// <summary>The next pause.</summary>
    public TimeSpan Next => _doubled ?? first;

    /// <summary>Begins anew: it did not fail.</summary>
    public void Reset() => _doubled = null;

    /// <summary>Waits for the pause.</summary>
    /// <exception cref="OperationCanceledException">It was stopped before.</exception>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Next, cancellationToken).ConfigureAwait(false);
        _doubled = Next * 2 < max ? Next * 2 : max;
    }
}
