namespace Brownian.Jobs.Records;

/// <summary>Where a job is in its life.</summary>
public enum JobPhase
{
    /// <summary>Written down; not known to be queued.</summary>
    Submitting,

    /// <summary>Its stage waits for a worker.</summary>
    Queued,

    /// <summary>A worker holds its stage.</summary>
    Running,

    /// <summary>Ended: all stages are done.</summary>
    Done,

    /// <summary>Ended: a stage failed, or the deadline passed.</summary>
    Failed,

    /// <summary>Ended: it was cancelled.</summary>
    Cancelled,

    /// <summary>Ended: the submission failed, it was never run.</summary>
    Abandoned,
}
