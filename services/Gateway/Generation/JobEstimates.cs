using Brownian.Gateway.Load;
using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Models.Plans;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Generation;

/// <summary>Converts jobs to messages with an estimate of the work that is left of them.</summary>
/// <param name="load">The measured times of stages, and the workers.</param>
/// <param name="store">The jobs that wait.</param>
public sealed class JobEstimates(PlatformLoad load, IJobStore store)
{
    /// <summary>Converts a job. The estimate is absent while the catalogue cannot be reached: it is no reason to refuse an answer.</summary>
    public async Task<Job> DescribeAsync(StoredJob job, CancellationToken cancellationToken)
    {
        Job message = JobMessages.ToMessage(job);
        if (job.Record.Phase is not (JobPhase.Queued or JobPhase.Running))
        {
            return message;
        }
        try
        {
            message.EstimatedWork = Estimate(job, await load.CostsAsync(cancellationToken), await load.WorkersAsync(cancellationToken)) is { } time
                ? Duration.FromTimeSpan(time)
                : null;
        }
        catch (PlatformUnavailableException)
        {
            // Without an estimate.
        }
        return message;
    }

    /// <summary>Converts a job as <see cref="DescribeAsync"/> does, with its place in its queue where it waits.</summary>
    public async Task<Job> DescribeWithPlaceAsync(StoredJob job, CancellationToken cancellationToken)
    {
        Job message = await DescribeAsync(job, cancellationToken);
        if (job is { Record: { Waits: true, Sent: { } sent }, Queue: { } queue })
        {
            try
            {
                message.JobsBefore = await store.CountWaitingAsync(queue.Name, sent, cancellationToken);
                foreach (JobPriority urgent in System.Enum.GetValues<JobPriority>().Where(priority => priority < queue.Priority))
                {
                    StageQueue before = queue with { Priority = urgent };
                    message.JobsBefore += await store.CountWaitingAsync(before.Name, DateTimeOffset.MaxValue, cancellationToken);
                }
            }
            catch (PlatformUnavailableException)
            {
                message.ClearJobsBefore();
            }
        }
        return message;
    }

    /// <summary>Returns the time that workers still need for a job's stages; null when the time of one of them is unknown.</summary>
    public static TimeSpan? Estimate(StoredJob job, StageCosts costs, IReadOnlyList<WorkerCard> workers)
    {
        double sum = 0;
        IReadOnlyList<PlanStage> stages = job.Definition.Plan.Stages;
        for (int stage = job.Record.Stage; stage < stages.Count; stage++)
        {
            if (job.WorkOf(stage) is not { } work || job.UnitsLeft(stage) is not { } units
                || Seconds(work.ShapeOf(stages[stage]), costs, workers) is not { } seconds)
            {
                return null;
            }
            sum += units * seconds;
        }
        return TimeSpan.FromSeconds(Math.Min(sum, TimeSpan.FromDays(365).TotalSeconds));
    }

    /// <summary>
    /// Returns the mean time of a unit over the slots that serve a stage, of which a busy one takes stages in proportion to its speed: the harmonic
    /// mean. Without a worker, over the kinds of devices that were measured.
    /// </summary>
    private static double? Seconds(StageShape shape, StageCosts costs, IReadOnlyList<WorkerCard> workers)
    {
        (string Provider, int Slots)[] serving =
            [.. workers.Where(worker => worker.Serves(shape)).Select(worker => (worker.Provider, worker.Slots))];
        if (serving.Length == 0)
        {
            serving = [.. costs.ProvidersOf(shape).Select(provider => (provider, 1))];
        }
        double slots = 0, rate = 0;
        foreach ((string provider, int count) in serving)
        {
            if (costs.Find(shape, provider) is not { } seconds)
            {
                return null;
            }
            slots += count;
            rate += count / Math.Max(seconds, 1e-9);
        }
        return rate > 0 ? slots / rate : null;
    }
}
