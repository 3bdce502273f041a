namespace Brownian.Jobs.Catalog;

/// <summary>The state of a worker.</summary>
public enum WorkerState
{
    /// <summary>It loads its models and warms up.</summary>
    Starting,

    /// <summary>It takes stages.</summary>
    Ready,

    /// <summary>It takes no stages until it is resumed.</summary>
    Paused,

    /// <summary>It takes no new stages, finishes or hands back the current ones, and exits.</summary>
    Draining,
}
