namespace Brownian.Jobs.Catalog;

/// <summary>The status of a worker in this process.</summary>
public interface IWorkerStatus
{
    /// <summary>The worker's role.</summary>
    WorkerRole Role { get; }

    /// <summary>The worker's state.</summary>
    WorkerState State { get; }

    /// <summary>Whether the worker has published itself as ready in the catalogue, so that others find it there.</summary>
    bool IsAnnounced { get; }

    /// <summary>The reason why it cannot start or serve now, or null.</summary>
    string? Problem { get; }
}
