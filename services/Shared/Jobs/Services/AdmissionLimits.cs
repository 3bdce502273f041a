namespace Brownian.Jobs.Services;

/// <summary>Limits on the jobs that a gateway admits.</summary>
public sealed record AdmissionLimits
{
    /// <summary>The largest number of jobs that have not ended.</summary>
    public long MaxJobs { get; init; } = 10_000;

    /// <summary>The fill level from which no more jobs are admitted, since the jobs in the store need room to end.</summary>
    public double FullestStore { get; init; } = 0.85;

    /// <summary>How long a submission may take before it is answered with UNAVAILABLE.</summary>
    public TimeSpan SubmissionTime { get; init; } = TimeSpan.FromSeconds(2);
}
