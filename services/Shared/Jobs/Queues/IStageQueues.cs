namespace Brownian.Jobs.Queues;

/// <summary>
/// The queues in which stages wait for workers. Messages are pulled, never pushed: a worker takes one when it has a free slot, so that no job waits
/// at a busy worker while an idle one could run it.
/// </summary>
public interface IStageQueues
{
    /// <summary>Sends a message; returns when the broker has confirmed it.</summary>
    /// <exception cref="PlatformUnavailableException">The broker did not confirm it in time.</exception>
    Task SendAsync(StageQueue queue, StageMessage message, CancellationToken cancellationToken);

    /// <summary>
    /// Takes the next message of the first queue that has one, and waits until there is one. Continues through an outage of the broker.
    /// </summary>
    /// <param name="queues">The queues, in the order in which they are polled.</param>
    /// <param name="cancellationToken">Stops waiting; no message is lost by that.</param>
    Task<IStageDelivery> TakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken);

    /// <summary>
    /// Takes the next message of the first queue that has one; null when all of them are empty. Waits only through an outage of the broker.
    /// </summary>
    /// <param name="queues">The queues, in the order in which they are polled.</param>
    /// <param name="cancellationToken">Stops waiting; no message is lost by that.</param>
    Task<IStageDelivery?> TryTakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken);

    /// <summary>The number of messages in a queue; 0 when the queue does not exist.</summary>
    /// <exception cref="PlatformUnavailableException">The broker cannot be reached.</exception>
    Task<long> ReadyAsync(string queue, CancellationToken cancellationToken);

    /// <summary>Returns and removes messages that could not be parsed, or that the broker dead-lettered.</summary>
    /// <exception cref="PlatformUnavailableException">The broker cannot be reached.</exception>
    Task<IReadOnlyList<DeadMessage>> DrainDeadAsync(CancellationToken cancellationToken);

    /// <summary>Whether the broker can be reached now.</summary>
    bool IsConnected { get; }
}
