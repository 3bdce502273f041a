namespace Brownian.Jobs.Records;

/// <summary>The kinds of integration events. The names are part of stored keys and of events' ids.</summary>
public enum IntegrationEventKind
{
    /// <summary>The job is stored and queued.</summary>
    Accepted,

    /// <summary>A worker took the job's first stage for the first time.</summary>
    Started,

    /// <summary>The job is done, has failed or was cancelled.</summary>
    Ended,
}
