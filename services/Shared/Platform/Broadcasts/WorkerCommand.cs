namespace Brownian.Platform.Broadcasts;

/// <summary>What a worker shall do.</summary>
/// <param name="Worker">The worker's id.</param>
/// <param name="Action">What.</param>
public sealed record WorkerCommand(string Worker, WorkerAction Action);

/// <summary>What workers can be told.</summary>
public enum WorkerAction
{
    /// <summary>Take no new work.</summary>
    Pause,

    /// <summary>Take work again.</summary>
    Resume,

    /// <summary>Take no new work, finish or hand back what there is, and end.</summary>
    Drain,
}
