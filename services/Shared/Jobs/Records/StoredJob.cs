namespace Brownian.Jobs.Records;

/// <summary>A stored job.</summary>
/// <param name="Definition">The immutable part.</param>
/// <param name="Record">The mutable part.</param>
/// <param name="Version">Grows with every write; a write states the version that it is based on.</param>
public sealed record StoredJob(JobDefinition Definition, JobRecord Record, long Version)
{
    /// <summary>The current stage, or null when all are done.</summary>
    public Models.Plans.PlanStage? CurrentStage =>
        Record.Stage >= 0 && Record.Stage < Definition.Plan.Stages.Count ? Definition.Plan.Stages[Record.Stage] : null;

    /// <summary>The queue of the current stage, or null.</summary>
    public Queues.StageQueue? Queue => CurrentStage is { } stage ? Queues.StageQueue.Of(stage, Definition.Priority) : null;

    /// <summary>Returns the work of a stage; null for a job of version 0.2 or older, which does not state it.</summary>
    /// <param name="stage">The index of the stage in the plan.</param>
    public Costs.StageWork? WorkOf(int stage) => stage < Definition.Work.Count ? Definition.Work[stage] : null;

    /// <summary>The bytes that the job's images and files take.</summary>
    public long StoredBytes => Definition.FileBytes + Record.Artifacts.Sum(artifact => artifact.Length);

    /// <summary>Returns the pixel-steps that the job has not used yet (<see cref="JobDefinition.PixelSteps"/>).</summary>
    public long PixelStepsLeft() => Costs.PixelSteps.Left(
        Definition.PixelSteps, Definition.Plan, Definition.Work, stage => UnitsLeft(stage) ?? 0, Record.Started is not null);

    /// <summary>Returns the outcome of an ended job in the usage of its tenant; null for a job that has not ended.</summary>
    public Access.UsageOutcome? Outcome => Record.Phase switch
    {
        JobPhase.Done => Access.UsageOutcome.Done,
        JobPhase.Failed => Access.UsageOutcome.Failed,
        JobPhase.Cancelled => Access.UsageOutcome.Cancelled,
        JobPhase.Abandoned => Access.UsageOutcome.Abandoned,
        _ => null,
    };

    /// <summary>Returns the units that are left of a stage; null for a job of version 0.2 or older.</summary>
    /// <param name="stage">The index of the stage in the plan.</param>
    public long? UnitsLeft(int stage)
    {
        if (WorkOf(stage) is not { } work || stage < Record.Stage || Record.HasEnded)
        {
            return WorkOf(stage) is null ? null : 0;
        }
        // What a stage that was handed back has done is in its checkpoint. Without one it begins again.
        bool keepsProgress = Record.Phase == JobPhase.Running || Record.Checkpoint is not null;
        if (stage > Record.Stage || !keepsProgress || Record.Progress is not { Images: > 0, Evaluations: > 0 } progress)
        {
            return work.Units;
        }
        double done = (progress.Image + (double)progress.Evaluation / progress.Evaluations) / progress.Images;
        return Math.Clamp((long)Math.Ceiling(work.Units * (1 - done)), 0, work.Units);
    }
}
