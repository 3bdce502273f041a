namespace Brownian.Jobs.RabbitMq;

/// <summary>A waiter for a message of some queues.</summary>
/// <param name="queues">The queues' names.</param>
/// <param name="remove">Called when he waits no more.</param>
internal sealed class RabbitMqWaiter(IReadOnlyCollection<string> queues, Action<RabbitMqWaiter> remove) : IDisposable
{
    private readonly SemaphoreSlim _woken = new(0);
    private string? _hint;

    /// <summary>Whether he is to be woken by a message of this queue.</summary>
    public bool LooksAt(string queue) => queues.Contains(queue);

    /// <summary>The queue that he was last told of, once; null where he was told of none.</summary>
    public string? TakeHint() => Interlocked.Exchange(ref _hint, null);

    /// <summary>He is to look. Called by one at a time, and not after the removal.</summary>
    /// <param name="queue">Where a message is; null where that is not known.</param>
    public void Wake(string? queue)
    {
        Volatile.Write(ref _hint, queue);
        if (_woken.CurrentCount == 0)
        {
            _woken.Release();
        }
    }

    /// <summary>Waits until he is woken, or was since he waited last, but not longer than it is said.</summary>
    public Task WaitAsync(TimeSpan longest, CancellationToken cancellationToken) => _woken.WaitAsync(longest, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        remove(this);
        _woken.Dispose();
    }
}
