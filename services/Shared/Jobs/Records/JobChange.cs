using Brownian.V1;

namespace Brownian.Jobs.Records;

/// <summary>A step of a job: its next record, and the events that report it. A store writes both or neither.</summary>
/// <param name="Next">The record after the step.</param>
/// <param name="Events">The events, with ids that follow the record's last one.</param>
public sealed record JobChange(JobRecord Next, IReadOnlyList<JobEvent> Events)
{
    /// <summary>The integration events of the step, which go into the outbox with the record.</summary>
    public IReadOnlyList<IntegrationEventKind> Outbox { get; init; } = [];
}
