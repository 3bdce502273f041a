namespace Brownian.Jobs.Catalog;

/// <summary>How a worker of this process is.</summary>
public interface IWorkerStatus
{
    /// <summary>What it does.</summary>
    WorkerRole Role { get; }

    /// <summary>Whether it takes work.</summary>
    WorkerState State { get; }

    /// <summary>Whether the catalogue was told that it is ready: from then on others find it there.</summary>
    bool IsAnnounced { get; }

    /// <summary>Why it cannot start or serve now, or null.</summary>
    string? Problem { get; }
}
