using Brownian.Jobs.Blobs;

namespace Brownian.Jobs.Records;

/// <summary>The mutable part of a job. Only <see cref="JobRules"/> creates the next record.</summary>
public sealed record JobRecord
{
    /// <summary>The job's phase.</summary>
    public JobPhase Phase { get; init; }

    /// <summary>The index of the current stage in the plan; the plan's length when the job is done.</summary>
    public int Stage { get; init; }

    /// <summary>The number of the lease, which grows whenever a worker takes a stage. Writes with a smaller number are refused.</summary>
    public long Fence { get; init; }

    /// <summary>The worker that holds the lease; null for none.</summary>
    public string? Worker { get; init; }

    /// <summary>When the lease ends unless it is renewed.</summary>
    public DateTimeOffset? LeaseExpires { get; init; }

    /// <summary>The number of workers that died on the stage since its last checkpoint.</summary>
    public int Deaths { get; init; }

    /// <summary>How often the job returned to an earlier stage because that stage's outputs were lost.</summary>
    public int Rewinds { get; init; }

    /// <summary>The time since which the stage waits.</summary>
    public DateTimeOffset? WaitsSince { get; init; }

    /// <summary>When a message for the stage was last sent, or is about to be.</summary>
    public DateTimeOffset? Sent { get; init; }

    /// <summary>When the first stage was first taken.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>When the job ended.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>When the job is removed; set when it ends.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>The state of the callback; null before the job ends, and for a job without a callback.</summary>
    public JobCallback? Callback { get; init; }

    /// <summary>Why the job failed.</summary>
    public JobFailure? Failure { get; init; }

    /// <summary>The outputs of the stages so far: <c>stage.output</c> to its values in order.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<BlobRef>> Outputs { get; init; } = new Dictionary<string, IReadOnlyList<BlobRef>>();

    /// <summary>The checkpoint from which the running stage can be resumed.</summary>
    public JobCheckpoint? Checkpoint { get; init; }

    /// <summary>The furthest saved progress of the stage over all attempts: images in the upper 32 bits, evaluations in the lower ones.</summary>
    public long Furthest { get; init; }

    /// <summary>The finished images.</summary>
    public IReadOnlyList<JobArtifact> Artifacts { get; init; } = [];

    /// <summary>Warnings for the client.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The progress of the running stage.</summary>
    public JobProgress? Progress { get; init; }

    /// <summary>The id of the last event.</summary>
    public long LastEvent { get; init; }

    /// <summary>Ids of the last writes, newest last; see <see cref="JobWrite"/>. Records of older versions have none.</summary>
    public IReadOnlyList<string> Writes { get; init; } = [];

    /// <summary>Whether the job has ended.</summary>
    public bool HasEnded => Phase is JobPhase.Done or JobPhase.Failed or JobPhase.Cancelled or JobPhase.Abandoned;

    /// <summary>Whether the job's stage waits for a worker.</summary>
    public bool Waits => Phase is JobPhase.Queued;
}
