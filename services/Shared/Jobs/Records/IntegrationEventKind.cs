namespace Brownian.Jobs.Records;

/// <summary>What other systems are told of a job. The names are part of stored keys and of events' ids.</summary>
public enum IntegrationEventKind
{
    /// <summary>It is written down and queued.</summary>
    Accepted,

    /// <summary>A worker took its first stage for the first time.</summary>
    Started,

    /// <summary>It is done, has failed or was cancelled.</summary>
    Ended,
}
