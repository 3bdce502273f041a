namespace Brownian.Jobs.Queues;

/// <summary>
/// A queue's message: a job's stage waits for a worker. It has no information beyond the job's record, so a message that arrives twice, late, or for
/// a completed stage is harmless.
/// </summary>
public sealed record StageMessage
{
    /// <summary>The version that this program reads and writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The message's version.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The job's id.</summary>
    public required string Job { get; init; }

    /// <summary>The stage's name.</summary>
    public required string Stage { get; init; }

    /// <summary>The number of the lease when the message was sent.</summary>
    public long Attempt { get; init; }

    /// <summary>The W3C trace context of the sender, or null.</summary>
    public string? TraceParent { get; init; }
}
