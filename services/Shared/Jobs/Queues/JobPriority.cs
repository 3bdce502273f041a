namespace Brownian.Jobs.Queues;

/// <summary>The priority class of a job. Each class has separate queues, and a worker with a free slot polls them in this order.</summary>
public enum JobPriority
{
    /// <summary>A person waits for the result.</summary>
    Interactive,

    /// <summary>The default.</summary>
    Standard,

    /// <summary>Runs when workers are free.</summary>
    Batch,
}
