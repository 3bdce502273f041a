namespace Brownian.Jobs.Broadcasts;

/// <summary>Tells all processes something, as soon and as well as it goes: nothing may depend on its arrival.</summary>
public interface IBroadcasts
{
    /// <summary>Publishes to all processes, this one too. Never throws.</summary>
    Task PublishAsync(WorkerCommand command, CancellationToken cancellationToken);

    /// <summary>Calls back on every command, until it is disposed.</summary>
    IDisposable OnCommand(Action<WorkerCommand> told);
}
