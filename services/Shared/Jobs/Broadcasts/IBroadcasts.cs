namespace Brownian.Jobs.Broadcasts;

/// <summary>Sends commands to all processes on a best-effort basis: nothing may depend on their arrival.</summary>
public interface IBroadcasts
{
    /// <summary>Publishes a command to all processes, including this one. Never throws.</summary>
    Task PublishAsync(WorkerCommand command, CancellationToken cancellationToken);

    /// <summary>Calls back for every command, until the returned registration is disposed.</summary>
    IDisposable OnCommand(Action<WorkerCommand> handler);
}
