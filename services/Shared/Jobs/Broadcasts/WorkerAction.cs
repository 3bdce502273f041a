namespace Brownian.Jobs.Broadcasts;

/// <summary>The commands that a worker can receive.</summary>
public enum WorkerAction
{
    /// <summary>Take no new stages.</summary>
    Pause,

    /// <summary>Take stages again.</summary>
    Resume,

    /// <summary>Take no new stages, finish or hand back the current ones, and exit.</summary>
    Drain,
}
