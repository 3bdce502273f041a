namespace Brownian.Jobs.Queues;

/// <summary>How urgent a job is: each class has queues of its own, and a worker with room looks at them in this order.</summary>
public enum JobPriority
{
    /// <summary>A person waits for the result.</summary>
    Interactive,

    /// <summary>The usual.</summary>
    Standard,

    /// <summary>Whenever there is room.</summary>
    Batch,
}
