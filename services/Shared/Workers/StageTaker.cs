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
/// The loop of a worker's slots: each takes a message when the worker is ready, takes the lease of the job's stage, runs it, and continues with the
/// job's next stage if this worker can run it. The next stage is read from the job's plan.
/// </summary>
/// <param name="identity">The worker's identity.</param>
/// <param name="lifecycle">The worker's state.</param>
/// <param name="execution">Runs stages.</param>
/// <param name="limit">Drains the worker between two stages when it exceeds the memory limit.</param>
/// <param name="store">Stores jobs.</param>
/// <param name="queues">The queues of stages.</param>
/// <param name="blobs">Stores tensors, which are removed when a job ends.</param>
/// <param name="policy">The time and retry limits.</param>
/// <param name="settings">The pause of a slot after an unexpected exception, and whether the worker drains its queues.</param>
/// <param name="telemetry">Counts jobs.</param>
/// <param name="process">The process, which is stopped above the memory limit.</param>
/// <param name="logger">The logger.</param>
internal sealed class StageTaker(
    WorkerIdentity identity, WorkerLifecycle lifecycle, StageExecution execution, ResidentLimit limit, IJobStore store, IStageQueues queues,
    IBlobStore blobs, JobPolicy policy, WorkerSettings settings, PlatformTelemetry telemetry, IHostApplicationLifetime process,
    ILogger<StageWorker> logger)
{
    /// <summary>
    /// Runs a slot: takes stages until the worker stops or must restart because it serves other files than it announced, or, when the worker drains
    /// its queues, until they are empty.
    /// </summary>
    /// <param name="served">The queues that the worker takes from.</param>
    public async Task RunSlotAsync(ServedQueues served)
    {
        CancellationToken serving = lifecycle.Serving;
        var pause = new DoublingPause(settings.RestartPause, settings.MaxRestartPause);
        while (!lifecycle.Taking.IsCancellationRequested && !serving.IsCancellationRequested)
        {
            try
            {
                await lifecycle.ResumedAsync().ConfigureAwait(false);
                (bool isEmpty, IStageDelivery? delivery) = await TakeMessageAsync(served.Current, serving).ConfigureAwait(false);
                if (isEmpty)
                {
                    return;
                }
                if (delivery is null)
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
                // Neither a fault of a job nor an outage: the slot takes the next message after a pause.
                PlatformLog.SlotCrashed(logger, identity.Id, exception);
                await pause.WaitAsync(lifecycle.Taking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>
    /// Takes the next message; none when the worker was paused or must restart, when its queues were replaced, or when a worker that drains its
    /// queues finds them empty.
    /// </summary>
    private async Task<(bool IsEmpty, IStageDelivery? Delivery)> TakeMessageAsync(ServedQueues.State served, CancellationToken serving)
    {
        using var takes = CancellationTokenSource.CreateLinkedTokenSource(
            lifecycle.Taking, lifecycle.NextPause, serving, served.Replacing.Token);
        try
        {
            IReadOnlyList<StageQueue> next = await served.Order.NextAsync(takes.Token).ConfigureAwait(false);
            if (!settings.Drains)
            {
                return (false, await queues.TakeAsync(next, takes.Token).ConfigureAwait(false));
            }
            IStageDelivery? delivery = await queues.TryTakeAsync(next, takes.Token).ConfigureAwait(false);
            return (delivery is null, delivery);
        }
        catch (OperationCanceledException) when (!lifecycle.Taking.IsCancellationRequested)
        {
            return (false, null);
        }
    }

    private async Task HandleAsync(IStageDelivery delivery, ServedQueues served)
    {
        try
        {
            FaultPoint.Reach("message in hand");
            await RunStagesAsync(delivery, served).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (lifecycle.Working.IsCancellationRequested)
        {
            // Unacknowledged, so the message is redelivered to another worker.
        }
        catch (Exception exception)
        {
            // A job that cannot be read must not end the slot. The reconciler sends its message again.
            PlatformLog.StageCrashed(logger, delivery.Message.Job, delivery.Message.Stage, exception);
            await delivery.AcknowledgeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Runs the stage that a message names, and the following ones that this worker can run.</summary>
    private async Task RunStagesAsync(IStageDelivery delivery, ServedQueues served)
    {
        CancellationToken stopping = lifecycle.Working;
        StoredJob? job = await Retry.WhileUnavailableAsync(token => store.FindAsync(delivery.Message.Job, token), stopping).ConfigureAwait(false);
        bool acknowledged = false;
        while (job is { Record.HasEnded: false })
        {
            if (job.Queue is not { } queue || !served.Current.All.Contains(queue))
            {
                // The message was late: another worker completed its stage and may have died before it sent the message of the next one.
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
                // A lease is stored, this worker's or another's, so the message is no longer needed.
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
            // The next stage runs at once if this worker can run it; otherwise its message is sent. Another slot may have decided to drain just
            // before the state shows it.
            if (lifecycle.State != WorkerState.Ready || limit.IsLeaving || job.Queue is not { } next || !served.Current.All.Contains(next))
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

    /// <summary>Takes the lease of a job's stage; an outage of the store only delays it.</summary>
    /// <returns>The job under a lease of this call, or ended by this call; null when another worker has it.</returns>
    private async Task<StoredJob?> TakeAsync(StoredJob waiting, StageQueue queue, CancellationToken cancellationToken)
    {
        string write = JobWrite.NewId();
        JobPhase? before = null;
        long fence = 0;
        StoredJob? taken = await Retry.WhileUnavailableAsync(
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
            // The message arrived before the gateway's confirmation, so this step accepted the job.
            telemetry.JobAccepted(taken);
        }
        // If the answer to the write was lost, others may have written since: an end, or the loss of a lease that no slot renewed.
        return taken.Record.HasEnded ? JobWrite.IsLast(taken.Record, write) ? taken : null : JobRules.Holds(taken, fence) ? taken : null;
    }

    /// <summary>Sends the message of a job's stage; if that fails, the reconciler sends it.</summary>
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
            PlatformLog.MessageDelayed(logger, job.Definition.Id, job.CurrentStage!.Name, exception);
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
