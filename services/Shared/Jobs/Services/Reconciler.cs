using System.Diagnostics;
using System.Text.Json.Nodes;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Events;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Jobs.Services;

/// <summary>
/// Repairs what a death or an outage left behind: expired leases, stages that wait without a message, passed deadlines, unconfirmed submissions,
/// dead-lettered messages, unpublished integration events, callbacks that are due, and jobs whose retention is over. One process does it at a time.
/// </summary>
/// <param name="store">Stores jobs.</param>
/// <param name="queues">The queues of stages.</param>
/// <param name="blobs">Stores tensors.</param>
/// <param name="artifacts">Stores images.</param>
/// <param name="policy">The time limits.</param>
/// <param name="settings">The interval and the grace time.</param>
/// <param name="telemetry">Counts what is repaired.</param>
/// <param name="logger">Logs what is repaired.</param>
/// <param name="events">Publishes what is left in the outbox; null when there is no broker for integration events.</param>
/// <param name="callbacks">Calls the addresses of clients; null when nothing does.</param>
public sealed class Reconciler(
    IJobStore store,
    IStageQueues queues,
    IBlobStore blobs,
    IArtifactStore artifacts,
    JobPolicy policy,
    ReconcilerSettings settings,
    PlatformTelemetry telemetry,
    ILogger<Reconciler> logger,
    EventPublisher? events = null,
    ICallbackSender? callbacks = null) : BackgroundService
{
    private const string Lead = "reconciler";
    private const int Batch = 200;

    /// <summary>How much later a callback is made when too many run.</summary>
    private static readonly TimeSpan PostponedTime = TimeSpan.FromSeconds(10);

    private readonly string _self = Guid.NewGuid().ToString("n");
    private readonly HashSet<string> _short = new(StringComparer.Ordinal);
    private bool _leasesMayHaveExpired = true;
    private long _leaseGraceUntil;

    /// <summary>How long this process stays the leader without renewing.</summary>
    private TimeSpan LeadTime => settings.Every * 5;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        telemetry.BeginCounts();
        bool first = true;
        using var timer = new PeriodicTimer(settings.Every);
        do
        {
            try
            {
                if (first)
                {
                    foreach (string warning in await store.ConfigurationWarningsAsync(stoppingToken).ConfigureAwait(false))
                    {
                        PlatformLog.ConfigurationWarning(logger, warning);
                    }
                    first = false;
                }
                if (await LeadsAsync(stoppingToken).ConfigureAwait(false))
                {
                    await ReconcileAsync(stoppingToken).ConfigureAwait(false);
                }
            }
            catch (PlatformUnavailableException exception)
            {
                PlatformLog.Unavailable(logger, "the store or the broker", exception.Details);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // A job that cannot be read must not end the gateway.
                PlatformLog.ReconcilerFailed(logger, exception);
            }
        }
        while (await NextAsync(timer, stoppingToken).ConfigureAwait(false));
    }

    /// <summary>Runs one round of checks.</summary>
    internal async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        foreach (string id in await store.DueAsync(Batch, cancellationToken).ConfigureAwait(false))
        {
            await TryAsync(async () =>
            {
                if (await store.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } job)
                {
                    await CheckAsync(job, cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    await store.RemoveAsync(id, cancellationToken).ConfigureAwait(false);
                }
            }).ConfigureAwait(false);
        }
        await PostEventsAsync(cancellationToken).ConfigureAwait(false);
        await ResendAsync(cancellationToken).ConfigureAwait(false);
        foreach (DeadMessage dead in await queues.DrainDeadAsync(cancellationToken).ConfigureAwait(false))
        {
            await TryAsync(() => FailDeadLetteredAsync(dead, cancellationToken)).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Posts events that the process of their step did not publish, because it died or the broker was unreachable. Does not wait for the broker.
    /// Events of a job that no longer exists are removed from the outbox.
    /// </summary>
    private async Task PostEventsAsync(CancellationToken cancellationToken)
    {
        if (events is null)
        {
            return;
        }
        DateTimeOffset before = store.Clock.GetUtcNow() - settings.Grace;
        foreach (PendingEvent pending in await store.PendingEventsAsync(before, Batch, cancellationToken).ConfigureAwait(false))
        {
            await TryAsync(async () =>
            {
                if (await store.FindAsync(pending.Job, cancellationToken).ConfigureAwait(false) is { } job)
                {
                    events.Post(job, pending.Kind);
                }
                else
                {
                    await store.RemovePendingEventsAsync([pending], cancellationToken).ConfigureAwait(false);
                }
            }).ConfigureAwait(false);
        }
    }

    /// <summary>Runs an operation for one job, so that its failure does not block the others.</summary>
    private async Task TryAsync(Func<Task> act)
    {
        try
        {
            await act().ConfigureAwait(false);
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.Unavailable(logger, "the store or the broker", exception.Details);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            PlatformLog.ReconcilerFailed(logger, exception);
        }
    }

    /// <summary>
    /// Whether this process leads. After an outage of the store, or a change of leaders, leases may have expired while their workers waited: the
    /// workers get the time of one lease to renew them before they count as dead.
    /// </summary>
    private async Task<bool> LeadsAsync(CancellationToken cancellationToken)
    {
        bool isLeader;
        try
        {
            isLeader = await store.TryLeadAsync(Lead, _self, LeadTime, cancellationToken).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException)
        {
            _leasesMayHaveExpired = true;
            throw;
        }
        if (!isLeader)
        {
            _leasesMayHaveExpired = true;
        }
        else if (_leasesMayHaveExpired)
        {
            _leasesMayHaveExpired = false;
            _leaseGraceUntil = Stopwatch.GetTimestamp() + (long)(policy.LeaseTime.TotalSeconds * Stopwatch.Frequency);
        }
        return isLeader;
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken stoppingToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task CheckAsync(StoredJob job, CancellationToken cancellationToken)
    {
        if (job.Record.HasEnded)
        {
            if (callbacks is not null && CallbackRules.IsDue(job, store.Clock.GetUtcNow()))
            {
                if (!callbacks.TryPost(job))
                {
                    await ApplyAsync(job, (current, now) => CallbackRules.Postpone(current, now, PostponedTime), cancellationToken)
                        .ConfigureAwait(false);
                }
                return;
            }
            if (job.Record.Expires <= store.Clock.GetUtcNow())
            {
                if (callbacks is not null
                    && await ApplyAsync(job, (current, now) => CallbackRules.Await(current, now, policy), cancellationToken).ConfigureAwait(false)
                        is not null)
                {
                    return;
                }
                if (events is not null && await store.HasPendingEventsAsync(job.Definition.Id, cancellationToken).ConfigureAwait(false))
                {
                    if (await ApplyAsync(job, (current, now) => JobRules.AwaitEvents(current, now, policy), cancellationToken).ConfigureAwait(false)
                        is not null)
                    {
                        return;
                    }
                    PlatformLog.EventsLost(logger, job.Definition.Id);
                }
                // Includes images that a worker stored just before it died, without recording them.
                for (int image = 0; image < Math.Max(ImageCount(job), job.Record.Artifacts.Count); image++)
                {
                    await artifacts.RemoveAsync(JobArtifact.IdOf(job.Definition.Id, image), cancellationToken).ConfigureAwait(false);
                }
                await blobs.RemoveAsync(job.Definition.Id, cancellationToken).ConfigureAwait(false);
                await store.RemoveAsync(job.Definition.Id, cancellationToken).ConfigureAwait(false);
            }
            return;
        }
        if (await ApplyAsync(job, (current, now) => JobRules.Expire(current, now, policy), cancellationToken).ConfigureAwait(false) is { } expired)
        {
            await EndAsync(expired, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (job.Record.Phase == JobPhase.Submitting)
        {
            // The time is checked again on the current job: the submission may have been confirmed at this moment.
            StoredJob? abandoned = await ApplyAsync(
                job,
                (current, now) => current.Definition.Created + policy.SubmissionTime <= now ? JobRules.Abandon(current, now, policy) : null,
                cancellationToken).ConfigureAwait(false);
            if (abandoned is not null)
            {
                await artifacts.RemoveFilesAsync(abandoned, cancellationToken).ConfigureAwait(false);
            }
            return;
        }
        if (Stopwatch.GetTimestamp() >= _leaseGraceUntil
            && await ApplyAsync(job, (current, now) => JobRules.ExpireLease(current, now, policy), cancellationToken).ConfigureAwait(false)
                is { } lost)
        {
            telemetry.LeaseExpired(lost);
            PlatformLog.LeaseExpired(logger, lost.Definition.Id, job.Record.Worker, lost.CurrentStage?.Name ?? "", lost.Record.Deaths);
            if (lost.Record.HasEnded)
            {
                await EndAsync(lost, cancellationToken).ConfigureAwait(false);
                return;
            }
            await queues.SendAsync(lost.Queue!, StageMessages.For(lost), cancellationToken).ConfigureAwait(false);
        }
    }

    private static int ImageCount(StoredJob job) => job.Definition.Plan.Stages.Max(stage => (stage.Settings["seeds"] as JsonArray)?.Count ?? 0);

    /// <summary>
    /// Sends messages again. When more jobs wait in a queue than it has messages, some messages are lost. It is unknown which ones, so all that were
    /// sent before the grace time are sent again. A surplus message is harmless.
    /// </summary>
    private async Task ResendAsync(CancellationToken cancellationToken)
    {
        var shortNow = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string queue, long waiting) in await store.WaitingAsync(cancellationToken).ConfigureAwait(false))
        {
            if (waiting <= await queues.ReadyAsync(queue, cancellationToken).ConfigureAwait(false))
            {
                continue;
            }
            shortNow.Add(queue);
            // Two rounds in a row: a message that a worker has just received is neither in the queue nor in a lease yet.
            if (!_short.Contains(queue))
            {
                continue;
            }
            DateTimeOffset before = store.Clock.GetUtcNow() - settings.Grace;
            foreach (string id in await store.WaitingAsync(queue, before, Batch, cancellationToken).ConfigureAwait(false))
            {
                if (await store.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } job
                    && await ApplyAsync(job, JobRules.Resend, cancellationToken).ConfigureAwait(false) is { } resent)
                {
                    await queues.SendAsync(resent.Queue!, StageMessages.For(resent), cancellationToken).ConfigureAwait(false);
                    telemetry.Resent(resent);
                    PlatformLog.MessageResent(logger, id, resent.CurrentStage!.Name);
                }
            }
        }
        _short.Clear();
        _short.UnionWith(shortNow);
    }

    /// <summary>
    /// Applies a step, and retries it when the answer is lost: a job that was ended or returned is no longer due, so the follow-up (sending its
    /// message, removing its tensors) would be left to other occasions.
    /// </summary>
    private Task<StoredJob?> ApplyAsync(StoredJob job, Func<StoredJob, DateTimeOffset, JobChange?> rule, CancellationToken cancellationToken)
    {
        string write = JobWrite.NewId();
        return Retry.WhileUnavailableAsync(token => store.ApplyAsync(job, write, rule, token), cancellationToken, LeadTime);
    }

    private async Task FailDeadLetteredAsync(DeadMessage dead, CancellationToken cancellationToken)
    {
        PlatformLog.DeadMessage(logger, dead.Queue, dead.Reason, dead.Job, dead.Body);
        if (dead.Job is not { } id || await store.FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } job)
        {
            return;
        }
        // Only a job that still waits for the message: a copy of a processed message has no significance.
        StoredJob? failed = await ApplyAsync(
            job,
            (current, now) => current.Record.Phase == JobPhase.Queued && current.Queue?.Name == dead.Queue
                ? JobRules.Fail(
                    current, null, StatusCode.Internal,
                    $"the message for stage {current.CurrentStage!.Name} cannot be processed: {dead.Reason}", now, policy)
                : null,
            cancellationToken).ConfigureAwait(false);
        if (failed is not null)
        {
            await EndAsync(failed, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task EndAsync(StoredJob job, CancellationToken cancellationToken)
    {
        telemetry.JobEnded(job);
        await blobs.RemoveAsync(job.Definition.Id, cancellationToken).ConfigureAwait(false);
    }
}
