namespace Brownian.Jobs.RabbitMq;

/// <summary>A waiter for a message in any of several queues.</summary>
/// <param name="queues">The queues' names.</param>
/// <param name="remove">Called when the waiter is disposed.</param>
internal sealed class RabbitMqWaiter(IReadOnlyCollection<string> queues, Action<RabbitMqWaiter> remove) : IDisposable
{
    private readonly SemaphoreSlim _woken = new(0);
    private string? _hint;

    /// <summary>Whether a message in this queue wakes the waiter.</summary>
    public bool Watches(string queue) => queues.Contains(queue);

    /// <summary>Returns the queue of the latest hint and clears it; null when there was no hint.</summary>
    public string? TakeHint() => Interlocked.Exchange(ref _hint, null);

    /// <summary>Wakes the waiter. Calls are serialized, and none follows the removal.</summary>
    /// <param name="queue">The queue that has a message; null when unknown.</param>
    public void Wake(string? queue)
    {
        Volatile.Write(ref _hint, queue);
        if (_woken.CurrentCount == 0)
        {
            _woken.Release();
        }
    }

    /// <summary>Waits until the waiter is woken, or returns at once if it was woken since the last wait; at most for the given time.</summary>
    public Task WaitAsync(TimeSpan longest, CancellationToken cancellationToken) => _woken.WaitAsync(longest, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        remove(this);
        _woken.Dispose();
    }
}
