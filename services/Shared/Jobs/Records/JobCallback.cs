namespace Brownian.Jobs.Records;

/// <summary>The state of a job's callback: the call of the client's address after the job has ended.</summary>
public sealed record JobCallback
{
    /// <summary>The number of attempts that were begun.</summary>
    public int Attempts { get; init; }

    /// <summary>
    /// When the next attempt is due. While an attempt runs, the time after which it counts as lost. Null when no attempt follows.
    /// </summary>
    public DateTimeOffset? Next { get; init; }

    /// <summary>When the client's server accepted the call; null before.</summary>
    public DateTimeOffset? Delivered { get; init; }

    /// <summary>Why the last attempt failed; null when none has failed.</summary>
    public string? Fault { get; init; }
}
