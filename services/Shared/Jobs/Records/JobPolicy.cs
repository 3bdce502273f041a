namespace Brownian.Jobs.Records;

/// <summary>How long a job's steps may take and how often they are tried.</summary>
public sealed record JobPolicy
{
    /// <summary>How long a lease lasts without being renewed.</summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The death of a worker on one stage, without a newer checkpoint, that fails the job.</summary>
    public int FatalDeath { get; init; } = 5;

    /// <summary>From so many deaths on a stage runs with nothing beside it.</summary>
    public int AloneAfterDeaths { get; init; } = 3;

    /// <summary>How often a job may be sent back because what an earlier stage made was gone.</summary>
    public int MaxRewinds { get; init; } = 10;

    /// <summary>How long an ended job and its images are kept.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(1);

    /// <summary>
    /// How long the files that a job reads are kept from its submission on: it may wait longer than an upload lives, and be retried.
    /// </summary>
    public TimeSpan FileTime => Retention + TimeSpan.FromDays(1);

    /// <summary>Whether other systems are told of jobs: where there is a broker to tell them by. Stores keep an outbox only then.</summary>
    public bool PublishesEvents { get; init; }

    /// <summary>How long a submission may stay unconfirmed before it is given up.</summary>
    public TimeSpan SubmissionTime { get; init; } = TimeSpan.FromSeconds(30);
}
