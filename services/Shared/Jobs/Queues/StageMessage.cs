namespace Brownian.Jobs.Queues;

/// <summary>
/// What a queue carries: that a job's stage waits. It says nothing that the job's record does not say, so a message that comes twice, late,
/// or for a stage that is done does no harm.
/// </summary>
public sealed record StageMessage
{
    /// <summary>The version that this program writes and reads.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The message's version.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The job's id.</summary>
    public required string Job { get; init; }

    /// <summary>The stage's name.</summary>
    public required string Stage { get; init; }

    /// <summary>The lease's number when it was sent.</summary>
    public long Attempt { get; init; }

    /// <summary>The W3C trace context of the sender, or null.</summary>
    public string? TraceParent { get; init; }
}
