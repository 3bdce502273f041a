using Brownian.V1;

namespace Brownian.Jobs.Records;

/// <summary>A step in a job's life: its next record, and the events that tell of it. A store writes both at once or neither.</summary>
/// <param name="Next">The record after the step.</param>
/// <param name="Events">With the ids that follow the record's last one.</param>
public sealed record JobChange(JobRecord Next, IReadOnlyList<JobEvent> Events)
{
    /// <summary>What other systems are told of the step: it goes into the outbox with the record.</summary>
    public IReadOnlyList<IntegrationEventKind> Outbox { get; init; } = [];
}
