namespace Brownian.Jobs.Services;

/// <summary>How much a gateway lets in.</summary>
public sealed record AdmissionLimits
{
    /// <summary>The most jobs that have not ended.</summary>
    public long MaxJobs { get; init; } = 10_000;

    /// <summary>From this share on a store takes no more jobs: those it has need room to end.</summary>
    public double FullestStore { get; init; } = 0.85;

    /// <summary>How long a submission may take before it is answered with UNAVAILABLE.</summary>
    public TimeSpan SubmissionTime { get; init; } = TimeSpan.FromSeconds(2);
}
