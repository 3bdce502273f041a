using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Models.Plans;

namespace Brownian.Jobs.Records;

/// <summary>The work that is left of stages that wait or run, summed over the jobs that have the same shape.</summary>
/// <param name="Priority">The jobs' priority class.</param>
/// <param name="IsRunning">Whether workers have taken the stages.</param>
/// <param name="Shape">The shape of the stages.</param>
/// <param name="Stages">The number of stages.</param>
/// <param name="Units">The number of units that are left (<see cref="StageWork"/>).</param>
public sealed record PendingWork(JobPriority Priority, bool IsRunning, StageShape Shape, long Stages, long Units)
{
    private const char Separator = '\n';

    /// <summary>Everything except the sums, as text for the indexes of stores.</summary>
    public string Key => string.Join(
        Separator,
        Priority.ToName(),
        IsRunning ? "running" : "waiting",
        Shape.Kind,
        Shape.Model,
        Shape.Fingerprint,
        Shape.Pixels.ToString(CultureInfo.InvariantCulture),
        Shape.Batch.ToString(CultureInfo.InvariantCulture));

    /// <summary>
    /// Returns the work that is left of a job's current stage; null when it neither waits nor runs. A job of version 0.2 or older does not state its
    /// work, and counts as one unit.
    /// </summary>
    public static PendingWork? Of(StoredJob job)
    {
        if (job.CurrentStage is not { } stage || job.Record.Phase is not (JobPhase.Queued or JobPhase.Running))
        {
            return null;
        }
        bool isRunning = job.Record.Phase == JobPhase.Running;
        StageWork work = job.WorkOf(job.Record.Stage) ?? new StageWork(0, 1, 1);
        return new PendingWork(job.Definition.Priority, isRunning, work.ShapeOf(stage), 1, job.UnitsLeft(job.Record.Stage) ?? 1);
    }

    /// <summary>
    /// Returns the work of a key and its sums; null when a newer version wrote a key of another form, or of a stage that is unknown here.
    /// </summary>
    public static PendingWork? Read(string key, long stages, long units) =>
        key.Split(Separator) is [string priority, string state, string kind, string model, string fingerprint, string pixels, string batch]
            && StageKind.All.Contains(kind)
            && JobPriorityNames.All.TryGetValue(priority, out JobPriority known)
            && long.TryParse(pixels, CultureInfo.InvariantCulture, out long size)
            && int.TryParse(batch, CultureInfo.InvariantCulture, out int rows)
            ? new PendingWork(known, state == "running", new StageShape(kind, model, fingerprint, size, rows), stages, units)
            : null;

    /// <summary>Sums work by key.</summary>
    public static IReadOnlyList<PendingWork> Sum(IEnumerable<(string Key, long Units)> work) =>
        [.. work.GroupBy(one => one.Key).Select(group => Read(group.Key, group.Count(), group.Sum(one => one.Units))).OfType<PendingWork>()];
}
