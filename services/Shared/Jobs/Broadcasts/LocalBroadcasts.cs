namespace Brownian.Jobs.Broadcasts;

/// <summary>Broadcasts within one process.</summary>
public sealed class LocalBroadcasts : IBroadcasts
{
    private readonly Lock _lock = new();
    private Action<WorkerCommand>? _listeners;

    /// <inheritdoc/>
    public Task PublishAsync(WorkerCommand command, CancellationToken cancellationToken)
    {
        _listeners?.Invoke(command);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public IDisposable OnCommand(Action<WorkerCommand> handler)
    {
        lock (_lock)
        {
            _listeners += handler;
        }
        return new Registration(() =>
        {
            lock (_lock)
            {
                _listeners -= handler;
            }
        });
    }

    private sealed class Registration(Action remove) : IDisposable
    {
        public void Dispose() => remove();
    }
}
