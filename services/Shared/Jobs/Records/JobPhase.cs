namespace Brownian.Jobs.Records;

/// <summary>The phase of a job.</summary>
public enum JobPhase
{
    /// <summary>Stored; not confirmed to be queued.</summary>
    Submitting,

    /// <summary>The job's stage waits for a worker.</summary>
    Queued,

    /// <summary>A worker holds the lease of the job's stage.</summary>
    Running,

    /// <summary>Ended: all stages are done.</summary>
    Done,

    /// <summary>Ended: a stage failed, or the deadline passed.</summary>
    Failed,

    /// <summary>Ended: the job was cancelled.</summary>
    Cancelled,

    /// <summary>Ended: the submission failed and the job was never run.</summary>
    Abandoned,
}
