namespace Brownian.Jobs.Access;

/// <summary>How a request ended, in the usage of its tenant.</summary>
public enum UsageOutcome
{
    /// <summary>It was completed.</summary>
    Done,

    /// <summary>It failed.</summary>
    Failed,

    /// <summary>It was cancelled.</summary>
    Cancelled,

    /// <summary>It was never accepted, and counts for nothing.</summary>
    Abandoned,
}
