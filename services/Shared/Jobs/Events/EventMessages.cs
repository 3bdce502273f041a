using Brownian.Contracts;
using Brownian.Jobs.Records;

namespace Brownian.Jobs.Events;

/// <summary>
/// Converts jobs to integration events. An event's content never changes after its step, so that every repetition is identical, whatever state the
/// job has reached.
/// </summary>
internal static class EventMessages
{
    public static JobAccepted ToAccepted(StoredJob job) => new()
    {
        EventId = IdOf(job, IntegrationEventKind.Accepted),
        JobId = job.Definition.Id,
        Model = job.Definition.Model,
        Tenant = job.Definition.TenantName,
        Labels = job.Definition.Labels,
        Created = job.Definition.Created,
    };

    public static JobStarted ToStarted(StoredJob job) => new()
    {
        EventId = IdOf(job, IntegrationEventKind.Started),
        JobId = job.Definition.Id,
        Model = job.Definition.Model,
        Tenant = job.Definition.TenantName,
        Labels = job.Definition.Labels,
        Created = job.Definition.Created,
        Started = job.Record.Started ?? throw NotYet(job, IntegrationEventKind.Started),
    };

    public static JobEnded ToEnded(StoredJob job) => new()
    {
        EventId = IdOf(job, IntegrationEventKind.Ended),
        JobId = job.Definition.Id,
        State = job.Record.Phase switch
        {
            JobPhase.Done => JobEndState.Done,
            JobPhase.Failed => JobEndState.Failed,
            JobPhase.Cancelled => JobEndState.Cancelled,
            _ => throw NotYet(job, IntegrationEventKind.Ended),
        },
        Error = job.Record.Failure is { } failure ? new EventError { Code = failure.Code, Message = failure.Message } : null,
        Model = job.Definition.Model,
        Tenant = job.Definition.TenantName,
        Labels = job.Definition.Labels,
        Artifacts = [.. job.Record.Artifacts.Select(ToArtifact)],
        Created = job.Definition.Created,
        Started = job.Record.Started,
        Ended = job.Record.Ended ?? throw NotYet(job, IntegrationEventKind.Ended),
    };

    /// <summary>The second word of the event's routing key.</summary>
    public static string StateOf(StoredJob job, IntegrationEventKind kind) =>
        kind == IntegrationEventKind.Ended ? job.Record.Phase.ToString().ToLowerInvariant() : PendingEvent.Name(kind);

    private static string IdOf(StoredJob job, IntegrationEventKind kind) => new PendingEvent(job.Definition.Id, kind).Id;

    private static EventArtifact ToArtifact(JobArtifact artifact) => new()
    {
        Id = artifact.Id,
        Index = artifact.Index,
        Seed = artifact.Seed,
        Width = artifact.Width,
        Height = artifact.Height,
        MediaType = artifact.MediaType,
        Size = artifact.Length,
        Sha256 = artifact.Sha256,
    };

    private static InvalidOperationException NotYet(StoredJob job, IntegrationEventKind kind) =>
        new($"Job {job.Definition.Id} is {job.Record.Phase}: it has no event {PendingEvent.Name(kind)}");
}
