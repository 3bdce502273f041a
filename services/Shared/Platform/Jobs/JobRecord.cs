using System.Security.Cryptography;
using Brownian.Inference.Stages;
using Brownian.Platform.Blobs;

namespace Brownian.Platform.Jobs;

/// <summary>What of a job changes. Only <see cref="JobRules"/> makes the next record of one.</summary>
public sealed record JobRecord
{
    /// <summary>Where it is.</summary>
    public JobPhase Phase { get; init; }

    /// <summary>The stage it is at: an index in the plan; the plan's length when it is done.</summary>
    public int Stage { get; init; }

    /// <summary>The lease's number: grows whenever somebody takes a stage. Writes with a smaller one are refused.</summary>
    public long Fence { get; init; }

    /// <summary>Who holds the stage; null when nobody does.</summary>
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

    /// <summary>How far the stage ever got, as saved: pictures in the upper 32 bits, evaluations in the lower ones.</summary>
    public long Furthest { get; init; }

    /// <summary>Finished pictures.</summary>
    public IReadOnlyList<JobArtifact> Artifacts { get; init; } = [];

    /// <summary>What the client should know.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>How far the running stage is.</summary>
    public JobProgress? Progress { get; init; }

    /// <summary>The last event's id.</summary>
    public long LastEvent { get; init; }

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => Phase is JobPhase.Done or JobPhase.Failed or JobPhase.Cancelled or JobPhase.Abandoned;

    /// <summary>Whether its stage waits for a worker.</summary>
    public bool Waits => Phase is JobPhase.Queued;
}

/// <summary>Why a job failed.</summary>
/// <param name="Code">A google.rpc code.</param>
/// <param name="Message">For the client.</param>
public sealed record JobFailure(int Code, string Message);

/// <summary>Where a stage can be gone on from.</summary>
/// <param name="State">What the runner saved.</param>
/// <param name="Picture">The picture, from 0.</param>
/// <param name="Evaluation">Its evaluations made.</param>
/// <param name="Worker">What made it: provider and precision. Another kind of worker begins the stage again.</param>
public sealed record JobCheckpoint(BlobRef State, int Picture, int Evaluation, string Worker);

/// <summary>How far a stage is.</summary>
/// <param name="Picture">The picture, from 0.</param>
/// <param name="Pictures">Pictures in all.</param>
/// <param name="Evaluation">Evaluations made of this picture.</param>
/// <param name="Evaluations">Evaluations that it takes.</param>
public sealed record JobProgress(int Picture, int Pictures, int Evaluation, int Evaluations);

/// <summary>A finished picture.</summary>
/// <param name="Id">To get it by.</param>
/// <param name="Index">Its place in the request, from 0.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="MediaType">For example <c>image/png</c>.</param>
/// <param name="Length">Bytes of the file.</param>
/// <param name="Sha256">Of the file, hexadecimal.</param>
public sealed record JobArtifact(string Id, int Index, ulong Seed, int Width, int Height, string MediaType, long Length, string Sha256)
{
    /// <summary>The id of a job's picture.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="index">The picture's place in the request, from 0.</param>
    public static string IdOf(string job, int index) => string.Create(CultureInfo.InvariantCulture, $"{job}-{index}");

    /// <summary>What a job's record says of a picture.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="picture">The picture.</param>
    public static JobArtifact Of(string job, StageArtifact picture) => new(
        IdOf(job, picture.Index),
        picture.Index,
        picture.Seed,
        picture.Width,
        picture.Height,
        picture.MediaType,
        picture.Bytes.Length,
        Convert.ToHexStringLower(SHA256.HashData(picture.Bytes)));
}
