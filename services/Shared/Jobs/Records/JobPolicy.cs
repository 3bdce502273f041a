namespace Brownian.Jobs.Records;

/// <summary>Time limits and retry limits of a job's steps.</summary>
public sealed record JobPolicy
{
    /// <summary>How long a lease lasts unless it is renewed.</summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The number of worker deaths on one stage, without a newer checkpoint, at which the job fails.</summary>
    public int FatalDeath { get; init; } = 5;

    /// <summary>The number of deaths from which a stage runs alone on its worker.</summary>
    public int AloneAfterDeaths { get; init; } = 3;

    /// <summary>How often a job may return to an earlier stage because that stage's outputs were lost.</summary>
    public int MaxRewinds { get; init; } = 10;

    /// <summary>How long an ended job and its images are kept.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(1);

    /// <summary>
    /// How long the files that a job reads are kept after its submission. The job may wait longer than an upload's lifetime, and may be retried.
    /// </summary>
    public TimeSpan FileTime => Retention + TimeSpan.FromDays(1);

    /// <summary>Whether integration events are published, which requires a broker. Stores keep an outbox only then.</summary>
    public bool PublishesEvents { get; init; }

    /// <summary>How long a submission may stay unconfirmed before it is abandoned.</summary>
    public TimeSpan SubmissionTime { get; init; } = TimeSpan.FromSeconds(30);
}
