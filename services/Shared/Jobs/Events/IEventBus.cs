using Brownian.Jobs.Records;

namespace Brownian.Jobs.Events;

/// <summary>Publishes integration events to systems outside of the cluster.</summary>
public interface IEventBus
{
    /// <summary>Publishes an event of a job. A repetition has the same content and the same id.</summary>
    /// <param name="job">The job after the step, or in a later state.</param>
    /// <param name="kind">Which event.</param>
    /// <param name="cancellationToken">Stops waiting; the event may have been published.</param>
    /// <returns>A task that completes when the broker has confirmed the event.</returns>
    /// <exception cref="PlatformUnavailableException">The broker did not confirm it; it may have been published.</exception>
    Task PublishAsync(StoredJob job, IntegrationEventKind kind, CancellationToken cancellationToken);
}
