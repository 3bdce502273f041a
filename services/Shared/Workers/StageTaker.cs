using Brownian.Jobs;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>
/// A worker's slots: each takes a message when the worker is ready, takes the lease of the job's stage, has it run, and goes on with the job's next
/// stage where this worker can run it. What comes next is read from the job's plan.
/// </summary>
/// <param name="identity">Which worker takes.</param>
/// <param name="lifecycle">Whether it takes.</param>
/// <param name="execution">Runs stages.</param>
/// <param name="limit">Ends the worker between two stages.</param>
/// <param name="store">Where jobs are.</param>
/// <param name="queues">Where their stages wait.</param>
/// <param name="blobs">What ended jobs leave there is removed.</param>
/// <param name="policy">The rules' numbers.</param>
/// <param name="settings">How long a slot rests after an unexpected exception.</param>
/// <param name="telemetry">Counts jobs.</param>
/// <param name="process">Ended above the limit of memory.</param>
/// <param name="logger">The log.</param>
internal sealed class StageTaker(
    WorkerIdentity identity, WorkerLifecycle lifecycle, StageExecution execution, ResidentLimit limit, IJobStore store, IStageQueues queues,
    IBlobStore blobs, JobPolicy policy, WorkerSettings settings, PlatformTelemetry telemetry, IHostApplicationLifetime process,
    ILogger<StageWorker> logger)
{
    /// <summary>A slot: takes stages until the worker stops, or serves other files than it announced.</summary>
    /// <param name="served">The queues that the worker takes from.</param>
    /// <param name="order">Their order.</param>
    public async Task RunSlotAsync(IReadOnlyCollection<StageQueue> served, QueueOrder order)
    {
        CancellationToken serving = lifecycle.Serving;
        var pause = new DoublingPause(settings.RestartPause, settings.MaxRestartPause);
        while (!lifecycle.Taking.IsCancellationRequested && !serving.IsCancellationRequested)
        {
            try
            {
                await lifecycle.ResumedAsync().ConfigureAwait(false);
                if (await TakeMessageAsync(order, serving).ConfigureAwait(false) is not { } delivery)
                {
                    continue;
                }
                using (lifecycle.Work())
                {
                    await HandleAsync(delivery, served).ConfigureAwait(false);
                }
                pause.Reset();
                if (limit.IsLeaving)
                {
                    process.StopApplication();
                    return;
                }
            }
            catch (OperationCanceledException) when (lifecycle.Taking.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Neither a job nor an outage: the slot takes the next message after a pause.
                PlatformLog.SlotCrashed(logger, identity.Id, exception);
                await pause.WaitAsync(lifecycle.Taking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>The next message; null when the worker was paused, or serves other files than it announced.</summary>
    private async Task<IStageDelivery?> TakeMessageAsync(QueueOrder order, CancellationToken serving)
    {
        using var takes = CancellationTokenSource.CreateLinkedTokenSource(lifecycle.Taking, lifecycle.NextPause, serving);
        try
        {
            IReadOnlyList<StageQueue> next = await order.NextAsync(takes.Token).ConfigureAwait(false);
            return await queues.TakeAsync(next, takes.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!lifecycle.Taking.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task HandleAsync(IStageDelivery delivery, IReadOnlyCollection<StageQueue> served)
    {
        try
        {
            FaultPoint.Reach("message in hand");
            await RunStagesAsync(delivery, served).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (lifecycle.Working.IsCancellationRequested)
        {
            // Not acknowledged: the message comes again, elsewhere.
        }
        catch (Exception exception)
        {
            // A job that cannot be read must not cost the slot. The reconciler sends its message again.
            PlatformLog.StageCrashed(logger, delivery.Message.Job, delivery.Message.Stage, exception);
            await delivery.AcknowledgeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Runs the stage that a message names, and those after it that this worker can run.</summary>
    private async Task RunStagesAsync(IStageDelivery delivery, IReadOnlyCollection<StageQueue> served)
    {
        CancellationToken stopping = lifecycle.Working;
        StoredJob? job = await Retry.WhileAwayAsync(token => store.FindAsync(delivery.Message.Job, token), stopping).ConfigureAwait(false);
        bool acknowledged = false;
        while (job is { Record.HasEnded: false })
        {
            if (job.Queue is not { } queue || !served.Contains(queue))
            {
                // The message was late: another worker finished its stage and may have died before it sent the next one's message.
                if (job.Record.Waits && !acknowledged)
                {
                    await SendAsync(job).ConfigureAwait(false);
                }
                break;
            }
            StoredJob waiting = job;
            StoredJob? taken = await TakeAsync(waiting, queue, stopping).ConfigureAwait(false);
            if (taken is not null)
            {
                FaultPoint.Reach("after take");
            }
            if (!acknowledged)
            {
                // A lease is written, this worker's or another's, so the message is no longer needed.
                await delivery.AcknowledgeAsync().ConfigureAwait(false);
                acknowledged = true;
            }
            if (taken is null)
            {
                return;
            }
            if (taken.Record.HasEnded)
            {
                await EndAsync(taken).ConfigureAwait(false);
                return;
            }
            job = await execution.RunAsync(taken, waiting, delivery.Message).ConfigureAwait(false);
            await limit.LeaveAboveAsync().ConfigureAwait(false);
            if (job is null)
            {
                return;
            }
            if (job.Record.HasEnded)
            {
                await EndAsync(job).ConfigureAwait(false);
                return;
            }
            // The next stage is run at once where this worker can run it; otherwise its message goes out. Another slot may have decided to leave a
            // moment before the state says so.
            if (lifecycle.State != WorkerState.Ready || limit.IsLeaving || job.Queue is not { } next || !served.Contains(next))
            {
                await SendAsync(job).ConfigureAwait(false);
                return;
            }
        }
        if (!acknowledged)
        {
            await delivery.AcknowledgeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Takes a job's stage; an outage of the store only delays it.</summary>
    /// <returns>The job under a lease of this call alone, or ended by it; null when it is not this worker's.</returns>
    private async Task<StoredJob?> TakeAsync(StoredJob waiting, StageQueue queue, CancellationToken cancellationToken)
    {
        string write = JobWrite.NewId();
        JobPhase? before = null;
        long fence = 0;
        StoredJob? taken = await Retry.WhileAwayAsync(
            token => store.ApplyAsync(
                waiting,
                write,
                (current, now) =>
                {
                    JobChange? change = current.Queue == queue && current.Record.Phase != JobPhase.Running
                        ? JobRules.Take(current, identity.Id, now, policy)
                        : null;
                    (before, fence) = (current.Record.Phase, change?.Next.Fence ?? fence);
                    return change;
                },
                token),
            cancellationToken).ConfigureAwait(false);
        if (taken is null)
        {
            return null;
        }
        if (before == JobPhase.Submitting && !(taken.Record.HasEnded && JobWrite.IsLast(taken.Record, write)))
        {
            // The message was faster than its gateway's confirmation: this step accepted the job.
            telemetry.JobAccepted(taken);
        }
        // Where the answer to the write was lost, others may have written since: an end, or the loss of a lease that no slot renewed.
        return taken.Record.HasEnded ? JobWrite.IsLast(taken.Record, write) ? taken : null : JobRules.Holds(taken, fence) ? taken : null;
    }

    /// <summary>Sends the message of a job's stage; where that fails the reconciler does it.</summary>
    private async Task SendAsync(StoredJob job)
    {
        try
        {
            FaultPoint.Reach("before next send");
            await queues.SendAsync(job.Queue!, StageMessages.For(job), CancellationToken.None).ConfigureAwait(false);
            FaultPoint.Reach("after next send");
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.SendLater(logger, job.Definition.Id, job.CurrentStage!.Name, exception);
        }
    }

    private async Task EndAsync(StoredJob job)
    {
        FaultPoint.Reach("after terminal write");
        telemetry.JobEnded(job);
        try
        {
            await blobs.RemoveAsync(job.Definition.Id, CancellationToken.None).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.BlobsLeft(logger, job.Definition.Id, exception);
        }
    }
}
