namespace Brownian.Jobs.Broadcasts;

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
