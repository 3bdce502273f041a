namespace Brownian.Jobs.Records;

/// <summary>An event in the outbox: its step is committed, and the broker has not confirmed the event yet.</summary>
/// <param name="Job">The job's id.</param>
/// <param name="Kind">What happened to it.</param>
public sealed record PendingEvent(string Job, IntegrationEventKind Kind)
{
    /// <summary>Returns every event that a job can have.</summary>
    public static IReadOnlyList<PendingEvent> AllOf(string job) =>
        [.. Enum.GetValues<IntegrationEventKind>().Select(kind => new PendingEvent(job, kind))];

    /// <summary>The event's id, <c>JOB.ended</c>, which is the same in every repetition.</summary>
    public string Id => $"{Job}.{Name(Kind)}";

    /// <summary>Returns the event of an id; null for a kind that this version does not support.</summary>
    public static PendingEvent? Find(string id)
    {
        int dot = id.LastIndexOf('.');
        foreach (IntegrationEventKind kind in Enum.GetValues<IntegrationEventKind>())
        {
            if (dot > 0 && id.AsSpan(dot + 1).SequenceEqual(Name(kind)))
            {
                return new PendingEvent(id[..dot], kind);
            }
        }
        return null;
    }

    /// <summary>Returns a kind's name in ids and labels.</summary>
    public static string Name(IntegrationEventKind kind) => kind switch
    {
        IntegrationEventKind.Accepted => "accepted",
        IntegrationEventKind.Started => "started",
        _ => "ended",
    };
}
