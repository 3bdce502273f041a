using Brownian.Jobs.Blobs;

namespace Brownian.Jobs.Records;

/// <summary>What of a job changes. Only <see cref="JobRules"/> makes the next record of one.</summary>
public sealed record JobRecord
{
    /// <summary>Where it is.</summary>
    public JobPhase Phase { get; init; }

    /// <summary>The stage it is at: an index in the plan; the plan's length when it is done.</summary>
    public int Stage { get; init; }

    /// <summary>The lease's number: grows whenever a worker takes a stage. Writes with a smaller one are refused.</summary>
    public long Fence { get; init; }

    /// <summary>The worker that holds the stage; null for none.</summary>
    public string? Worker { get; init; }

    /// <summary>When the lease ends if it is not renewed.</summary>
    public DateTimeOffset? LeaseExpires { get; init; }

    /// <summary>Workers that died on the stage since its last checkpoint.</summary>
    public int Deaths { get; init; }

    /// <summary>How often a stage was sent back because what an earlier one made was gone.</summary>
    public int Rewinds { get; init; }

    /// <summary>Since when the stage waits.</summary>
    public DateTimeOffset? WaitsSince { get; init; }

    /// <summary>When a message for the stage was last sent, or is about to be.</summary>
    public DateTimeOffset? Sent { get; init; }

    /// <summary>When the first stage was taken.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>When it is forgotten; set at its end.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>Why it failed.</summary>
    public JobFailure? Failure { get; init; }

    /// <summary>What stages made so far: <c>stage.output</c> to its values in order.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<BlobRef>> Outputs { get; init; } = new Dictionary<string, IReadOnlyList<BlobRef>>();

    /// <summary>Where the running stage can be gone on from.</summary>
    public JobCheckpoint? Checkpoint { get; init; }

    /// <summary>How far the stage ever got, as saved: images in the upper 32 bits, evaluations in the lower ones.</summary>
    public long Furthest { get; init; }

    /// <summary>Finished images.</summary>
    public IReadOnlyList<JobArtifact> Artifacts { get; init; } = [];

    /// <summary>What the client should know.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>How far the running stage is.</summary>
    public JobProgress? Progress { get; init; }

    /// <summary>The last event's id.</summary>
    public long LastEvent { get; init; }

    /// <summary>Ids of the last writes, the newest last; see <see cref="JobWrite"/>. Records of older programs have none.</summary>
    public IReadOnlyList<string> Writes { get; init; } = [];

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => Phase is JobPhase.Done or JobPhase.Failed or JobPhase.Cancelled or JobPhase.Abandoned;

    /// <summary>Whether its stage waits for a worker.</summary>
    public bool Waits => Phase is JobPhase.Queued;
}
