using Brownian.Jobs.Queues;

namespace Brownian.Jobs.InProcess;

/// <summary>Queues of one process. Their messages are lost with the process; after a restart they are sent again from the job store.</summary>
public sealed class InProcessQueues : IStageQueues
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<StageMessage>> _queues = new(StringComparer.Ordinal);
    private readonly List<Waiter> _waiters = [];

    /// <inheritdoc/>
    public bool IsConnected => true;

    /// <inheritdoc/>
    public Task SendAsync(StageQueue queue, StageMessage message, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            // The consumer that has waited longest comes first.
            for (int i = 0; i < _waiters.Count; i++)
            {
                Waiter waiter = _waiters[i];
                if (waiter.Queues.Contains(queue.Name))
                {
                    _waiters.RemoveAt(i);
                    if (waiter.Taken.TrySetResult(new Delivery(message)))
                    {
                        return Task.CompletedTask;
                    }
                    i--;
                }
            }
            if (!_queues.TryGetValue(queue.Name, out Queue<StageMessage>? waiting))
            {
                _queues[queue.Name] = waiting = new Queue<StageMessage>();
            }
            waiting.Enqueue(message);
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<IStageDelivery> TakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_lock)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Next(queues) is { } next)
            {
                return next;
            }
            waiter = new Waiter([.. queues.Select(queue => queue.Name)]);
            _waiters.Add(waiter);
        }
        using CancellationTokenRegistration registration = cancellationToken.Register(() =>
        {
            lock (_lock)
            {
                _waiters.Remove(waiter);
                waiter.Taken.TrySetCanceled(cancellationToken);
            }
        });
        return await waiter.Taken.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<IStageDelivery?> TryTakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return Task.FromResult<IStageDelivery?>(Next(queues));
        }
    }

    /// <inheritdoc/>
    public Task<long> ReadyAsync(string queue, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return Task.FromResult(_queues.TryGetValue(queue, out Queue<StageMessage>? waiting) ? (long)waiting.Count : 0);
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeadMessage>> DrainDeadAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<DeadMessage>>([]);

    /// <summary>Removes the next message of the first queue that has one; called under the lock.</summary>
    private Delivery? Next(IReadOnlyList<StageQueue> queues)
    {
        foreach (StageQueue queue in queues)
        {
            if (_queues.TryGetValue(queue.Name, out Queue<StageMessage>? waiting) && waiting.TryDequeue(out StageMessage? message))
            {
                return new Delivery(message);
            }
        }
        return null;
    }

    private sealed class Waiter(HashSet<string> queues)
    {
        public HashSet<string> Queues { get; } = queues;

        public TaskCompletionSource<IStageDelivery> Taken { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Delivery(StageMessage message) : IStageDelivery
    {
        public StageMessage Message { get; } = message;

        public ValueTask AcknowledgeAsync() => ValueTask.CompletedTask;
    }
}
