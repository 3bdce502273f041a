namespace Brownian.Jobs.Records;

/// <summary>A stored job.</summary>
/// <param name="Definition">The immutable part.</param>
/// <param name="Record">The mutable part.</param>
/// <param name="Version">Grows with every write; a write states the version that it is based on.</param>
public sealed record StoredJob(JobDefinition Definition, JobRecord Record, long Version)
{
    /// <summary>The current stage, or null when all are done.</summary>
    public Models.Plans.PlanStage? CurrentStage => Record.Stage < Definition.Plan.Stages.Count ? Definition.Plan.Stages[Record.Stage] : null;

    /// <summary>The queue of the current stage, or null.</summary>
    public Queues.StageQueue? Queue => CurrentStage is { } stage ? Queues.StageQueue.Of(stage, Definition.Priority) : null;
}
