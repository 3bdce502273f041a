namespace Brownian.Jobs;

/// <summary>Pauses between retries that double up to a limit while an operation keeps failing.</summary>
/// <param name="first">The first pause.</param>
/// <param name="max">The longest pause.</param>
internal sealed class DoublingPause(TimeSpan first, TimeSpan max)
{
    private TimeSpan? _doubled;

    /// <summary>The length of the next pause.</summary>
    public TimeSpan Next => _doubled ?? first;

    /// <summary>Starts again with the first pause, after a success.</summary>
    public void Reset() => _doubled = null;

    /// <summary>Waits for the next pause.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled during the pause.</exception>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Next, cancellationToken).ConfigureAwait(false);
        _doubled = Next * 2 < max ? Next * 2 : max;
    }
}
