namespace Brownian.Jobs.Records;

/// <summary>A job as a store has it.</summary>
/// <param name="Definition">What never changes.</param>
/// <param name="Record">What does.</param>
/// <param name="Version">Grows with every write; a write names the version it was made from.</param>
public sealed record StoredJob(JobDefinition Definition, JobRecord Record, long Version)
{
    /// <summary>The stage it is at, or null when all are done.</summary>
    public Models.Plans.PlanStage? CurrentStage => Record.Stage < Definition.Plan.Stages.Count ? Definition.Plan.Stages[Record.Stage] : null;

    /// <summary>The queue that its stage waits in, or null.</summary>
    public Queues.StageQueue? Queue => CurrentStage is { } stage ? Queues.StageQueue.Of(stage, Definition.Priority) : null;
}
