namespace Brownian.Jobs.Catalog;

/// <summary>Whether a worker takes work.</summary>
public enum WorkerState
{
    /// <summary>It loads and warms up.</summary>
    Starting,

    /// <summary>It takes work.</summary>
    Ready,

    /// <summary>It takes none until it is resumed.</summary>
    Paused,

    /// <summary>It takes none, finishes or hands back what it has, and ends.</summary>
    Draining,
}
