namespace Brownian.Jobs.Queues;

/// <summary>
/// Where stages wait for workers. Messages are pulled, never pushed: a worker takes one when it has room for it, so that no job waits at a
/// busy worker while an idle one could run it.
/// </summary>
public interface IStageQueues
{
    /// <summary>Sends a message; returns when the broker has it safe.</summary>
    /// <exception cref="PlatformUnavailableException">The broker did not confirm it in time.</exception>
    Task SendAsync(StageQueue queue, StageMessage message, CancellationToken cancellationToken);

    /// <summary>Takes the next message of the first queue that has one; waits until there is one. Survives an outage of the broker.</summary>
    /// <param name="queues">In the order they are looked at.</param>
    /// <param name="cancellationToken">Stops waiting; a message is never lost by it.</param>
    Task<IStageDelivery> TakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken);

    /// <summary>How many messages wait in a queue; 0 where there is no such queue.</summary>
    /// <exception cref="PlatformUnavailableException">The broker cannot be reached.</exception>
    Task<long> ReadyAsync(string queue, CancellationToken cancellationToken);

    /// <summary>Messages that could not be understood, or that the broker gave up on: read and removed.</summary>
    /// <exception cref="PlatformUnavailableException">The broker cannot be reached.</exception>
    Task<IReadOnlyList<DeadMessage>> DrainDeadAsync(CancellationToken cancellationToken);

    /// <summary>Whether the broker can be reached now.</summary>
    bool IsConnected { get; }
}
