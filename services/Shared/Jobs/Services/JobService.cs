using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Brownian.Jobs.Access;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Brownian.Jobs.Uploads;
using Brownian.Models.Stages;
using Brownian.V1;
using Microsoft.Extensions.Logging;
using Tenant = Brownian.Jobs.Access.Tenant;

namespace Brownian.Jobs.Services;

/// <summary>The operations on jobs for clients: submit, read, watch, cancel. Every gateway can serve every job.</summary>
/// <param name="store">Stores jobs.</param>
/// <param name="queues">The queues of stages.</param>
/// <param name="blobs">Stores tensors.</param>
/// <param name="artifacts">Stores images.</param>
/// <param name="uploads">The ledger of the room that uploads take, for as long as jobs keep them.</param>
/// <param name="policy">How long jobs are kept.</param>
/// <param name="limits">The limits on admitted jobs.</param>
/// <param name="telemetry">Counts jobs.</param>
/// <param name="logger">Logs failures that have no consequences.</param>
public sealed class JobService(
    IJobStore store,
    IStageQueues queues,
    IBlobStore blobs,
    IArtifactStore artifacts,
    IUploadLedger uploads,
    JobPolicy policy,
    AdmissionLimits limits,
    PlatformTelemetry telemetry,
    ILogger<JobService> logger)
{
    /// <summary>How long a watcher waits for a signal before it polls.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private const string Description = "_description";

    private long _lastId;

    /// <summary>The store's time.</summary>
    public DateTimeOffset Now => store.Clock.GetUtcNow();

    /// <summary>Creates an id that sorts after the earlier ones of this process, and by the store's time relative to those of others.</summary>
    public string NewId()
    {
        long now = Now.ToUnixTimeMilliseconds(), last, next;
        do
        {
            // Within a millisecond, ids of version 7 have no order, so each id uses a different millisecond.
            last = Volatile.Read(ref _lastId);
            next = Math.Max(now, last + 1);
        }
        while (Interlocked.CompareExchange(ref _lastId, next, last) != last);
        return Guid.CreateVersion7(DateTimeOffset.FromUnixTimeMilliseconds(next)).ToString("n");
    }

    /// <summary>Submits a job without files.</summary>
    /// <inheritdoc cref="SubmitAsync(JobDefinition, IReadOnlyList{JobFile}, TenantQuotas, AuditEntry, CancellationToken)"/>
    public Task<StoredJob> SubmitAsync(JobDefinition definition, CancellationToken cancellationToken) =>
        SubmitAsync(definition, [], TenantQuotas.None, null, cancellationToken);

    /// <summary>
    /// Submits a job. When this returns, the job is stored and queued, and its files are stored. A refused submission leaves no files.
    /// </summary>
    /// <param name="definition">The job.</param>
    /// <param name="files">The files that <see cref="JobDefinition.Files"/> names.</param>
    /// <param name="quotas">The quotas of the job's tenant.</param>
    /// <param name="entry">What the audit log gets with the job; null for nothing. A submission that was submitted before gets no entry.</param>
    /// <param name="cancellationToken">Stops waiting; the job is abandoned then, unless it is accepted already.</param>
    /// <returns>The job, or the one that was submitted before with the same idempotency key.</returns>
    /// <exception cref="IdempotencyConflictException">The key was used with another request.</exception>
    /// <exception cref="AdmissionException">
    /// Too many jobs have not ended, the store is nearly full, or a quota of the tenant would be exceeded.
    /// </exception>
    /// <exception cref="UploadMissingException">A file of <see cref="JobDefinition.Uploads"/> no longer exists.</exception>
    /// <exception cref="PlatformUnavailableException">
    /// The store or the broker did not answer in time; nothing was accepted, as far as that can be determined.
    /// </exception>
    public async Task<StoredJob> SubmitAsync(
        JobDefinition definition, IReadOnlyList<JobFile> files, TenantQuotas quotas, AuditEntry? entry, CancellationToken cancellationToken)
    {
        definition.Plan.Validate();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(limits.SubmissionTime);
        JobDefinition whole = definition with
        {
            Work = StageWork.Of(definition.Plan),
            FileBytes = files.Sum(file => (long)file.Bytes.Length),
        };
        var job = new StoredJob(whole, JobRules.Submit(Now), 1);
        StoredJob submitted = job;
        try
        {
            Task<long> counting = store.CountActiveAsync(deadline.Token), adding = UploadedAsync(definition.TenantName, quotas, deadline.Token);
            await Task.WhenAll(counting, adding).ConfigureAwait(false);
            long active = await counting.ConfigureAwait(false);
            if (active >= limits.MaxJobs)
            {
                throw new AdmissionException($"{active} jobs wait or run already; allowed: {limits.MaxJobs}");
            }
            await RequireRoomAsync(deadline.Token).ConfigureAwait(false);
            var admission = new Admission(quotas, await adding.ConfigureAwait(false), entry);
            FaultPoint.Reach("before create");
            StoredJob? known;
            while ((known = await store.CreateAsync(job, admission, deadline.Token).ConfigureAwait(false)) is { Record.Phase: JobPhase.Abandoned })
            {
                // That submission failed and never runs, so its key is free for this one.
                await store.RemoveAsync(known.Definition.Id, deadline.Token).ConfigureAwait(false);
            }
            if (known is not null)
            {
                if (known.Definition.RequestHash != definition.RequestHash)
                {
                    throw new IdempotencyConflictException(definition.IdempotencyKey!, known.Definition.Id);
                }
                submitted = known;
                // The known job's gateway may have died before it stored the files. They are identical, under the ids that the known job's stages
                // read.
                return await ConfirmAsync(
                    known, [.. files.Select(file => JobFile.Of(known.Definition.Id, file.Bytes))], deadline.Token).ConfigureAwait(false);
            }
            FaultPoint.Reach("after create");
            return await ConfirmAsync(job, files, deadline.Token).ConfigureAwait(false);
        }
        catch (AdmissionException)
        {
            telemetry.JobRefused(PlatformTelemetry.LimitReason);
            throw;
        }
        catch (QuotaExceededException exception)
        {
            telemetry.JobRefused(PlatformTelemetry.QuotaReason);
            throw QuotaFault(exception.Refusal, quotas, definition.TenantName, definition.PixelSteps);
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException or UploadMissingException)
        {
            // A worker may have received the message, or another submission of the same key may have confirmed it: then the job is accepted
            // nevertheless.
            bool isMissing = exception is UploadMissingException;
            if (await AbandonAsync(submitted, isOwn: submitted == job, forget: isMissing).ConfigureAwait(false) is { } accepted)
            {
                return accepted;
            }
            if (exception is PlatformUnavailableException)
            {
                telemetry.JobRefused(PlatformTelemetry.UnavailableReason);
            }
            if (exception is PlatformUnavailableException or UploadMissingException)
            {
                throw;
            }
            cancellationToken.ThrowIfCancellationRequested();
            telemetry.JobRefused(PlatformTelemetry.UnavailableReason);
            throw new PlatformUnavailableException(
                PlatformPart.Submission,
                string.Create(CultureInfo.InvariantCulture,
                    $"job {submitted.Definition.Id}: the store or the broker did not answer within {limits.SubmissionTime.TotalSeconds:0} s"),
                exception);
        }
    }

    /// <summary>Admits a direct call under the quotas of its tenant.</summary>
    /// <param name="direct">The call.</param>
    /// <param name="quotas">The quotas.</param>
    /// <param name="lease">How long it counts as running unless it is renewed.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>See <see cref="ITenantLedger.AdmitAsync"/>.</returns>
    /// <exception cref="AdmissionException">A quota would be exceeded.</exception>
    public async Task<long> AdmitDirectAsync(DirectCall direct, TenantQuotas quotas, TimeSpan lease, CancellationToken cancellationToken)
    {
        try
        {
            return await store.AdmitAsync(
                direct, new Admission(quotas, await UploadedAsync(direct.Tenant, quotas, cancellationToken).ConfigureAwait(false)), lease,
                cancellationToken)
                .ConfigureAwait(false);
        }
        catch (QuotaExceededException exception)
        {
            telemetry.JobRefused(PlatformTelemetry.QuotaReason);
            throw QuotaFault(exception.Refusal, quotas, direct.Tenant, direct.PixelSteps);
        }
    }

    /// <summary>Lets a direct call count as running for longer.</summary>
    public Task RenewDirectAsync(DirectCall direct, TimeSpan lease, CancellationToken cancellationToken) =>
        store.RenewAsync(direct, lease, cancellationToken);

    /// <summary>Ends a direct call.</summary>
    /// <inheritdoc cref="ITenantLedger.EndAsync"/>
    public Task EndDirectAsync(
        DirectCall direct, long day, UsageOutcome outcome, int images, long unspent, CancellationToken cancellationToken) =>
        store.EndAsync(direct, day, outcome, images, unspent, cancellationToken);

    /// <summary>Returns the bytes of a tenant's uploads, where they count.</summary>
    private Task<long> UploadedAsync(string tenant, TenantQuotas quotas, CancellationToken cancellationToken) =>
        quotas.StoredBytes is null ? Task.FromResult(0L) : uploads.BytesOfAsync(UploadOwner.OfTenant(tenant), cancellationToken);

    private AdmissionException QuotaFault(QuotaRefusal refusal, TenantQuotas quotas, string tenant, long pixelSteps)
    {
        // Whether the request alone exceeds the quota: then no waiting helps.
        (string limit, string quota, bool isAlone) = refusal.Kind switch
        {
            QuotaKind.RequestsPerMinute => (
                $"{refusal.Held} requests were admitted in the last minute; allowed: {quotas.RequestsPerMinute}", "requests_per_minute",
                quotas.RequestsPerMinute == 0),
            QuotaKind.Jobs => ($"{refusal.Held} of its jobs wait or run; allowed: {quotas.Jobs}", "jobs", quotas.Jobs == 0),
            QuotaKind.PixelStepsPerDay => (
                $"{refusal.Held} pixel-steps are used today and the request needs {pixelSteps}; allowed: {quotas.PixelStepsPerDay} a day in UTC",
                "pixel_steps_per_day", pixelSteps > quotas.PixelStepsPerDay),
            _ => (
                $"{refusal.Held} bytes of images and uploads are stored; allowed: below {quotas.StoredBytes}. Images are removed "
                    + string.Create(CultureInfo.InvariantCulture, $"{policy.Retention.TotalHours:0.##} h after their job ended"),
                "stored_bytes", quotas.StoredBytes == 0),
        };
        string alone = isAlone ? "; under this quota the request is never admitted" : "";
        return new AdmissionException(string.Create(CultureInfo.InvariantCulture, $"tenant {tenant}: {limit} (the quota {quota}){alone}"))
        {
            RetryAfter = isAlone ? null : refusal.RetryAfter,
        };
    }

    /// <summary>Returns the accepted job of an idempotency key, which answers a repeated submission; null when there is none.</summary>
    /// <param name="tenant">The tenant's name.</param>
    /// <param name="key">The key.</param>
    /// <param name="requestHash">The hash of the current request (<see cref="JobDefinition.RequestHash"/>).</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="IdempotencyConflictException">The key was used with another request.</exception>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    public async Task<StoredJob?> FindRepeatedAsync(
        string tenant, string key, string requestHash, CancellationToken cancellationToken)
    {
        StoredJob? known = await store.FindByKeyAsync(JobDefinition.KeyOf(Tenant.ToStored(tenant), key), cancellationToken).ConfigureAwait(false);
        if (known is not { Record.Phase: not (JobPhase.Submitting or JobPhase.Abandoned) })
        {
            return null;
        }
        return known.Definition.RequestHash == requestHash ? known : throw new IdempotencyConflictException(key, known.Definition.Id);
    }

    /// <summary>Refuses new data while the store is nearly full: the jobs in it need room to end.</summary>
    /// <exception cref="AdmissionException">The store is nearly full.</exception>
    public async Task RequireRoomAsync(CancellationToken cancellationToken)
    {
        if (await store.FillAsync(cancellationToken).ConfigureAwait(false) is var fill && fill >= limits.FullestStore)
        {
            throw new AdmissionException(
                string.Create(CultureInfo.InvariantCulture, $"the store is {100 * fill:0} % full; allowed: below {100 * limits.FullestStore:0} %"));
        }
    }

    /// <summary>Returns a job of a tenant; null when it does not exist, was never accepted, or is another tenant's.</summary>
    public async Task<StoredJob?> FindAsync(string tenant, string id, CancellationToken cancellationToken) =>
        await store.FindAsync(id, cancellationToken).ConfigureAwait(false) is { Record.Phase: not (JobPhase.Submitting or JobPhase.Abandoned) } job
            && job.Definition.TenantName == tenant
            ? job
            : null;

    /// <summary>Lists jobs, newest first.</summary>
    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken) => store.ListAsync(query, cancellationToken);

    /// <summary>Returns an image's entry and file; null when it no longer exists, or is another tenant's.</summary>
    /// <param name="tenant">The tenant's name; null for any, where a signature was checked.</param>
    /// <param name="id">The image's id.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<(JobArtifact Artifact, byte[] Bytes, string Tenant)?> FindArtifactAsync(
        string? tenant, string id, CancellationToken cancellationToken)
    {
        if (!IsArtifactId(id))
        {
            return null;
        }
        StoredJob? job = await store.FindAsync(id[..id.LastIndexOf('-')], cancellationToken).ConfigureAwait(false);
        JobArtifact? artifact = job?.Record.Artifacts.FirstOrDefault(candidate => candidate.Id == id);
        string? owner = job?.Definition.TenantName;
        if (job is null && await artifacts.GetAsync(id + Description, cancellationToken).ConfigureAwait(false) is { } described)
        {
            artifact = JobJson.Read<JobArtifact>(described);
            owner = artifact.Tenant ?? Tenant.Default;
        }
        return artifact is not null && owner is not null && (tenant is null || owner == tenant)
            && await artifacts.GetAsync(id, cancellationToken).ConfigureAwait(false) is { } bytes ? (artifact, bytes, owner) : null;
    }

    /// <summary>Stores an image that was not made by a job, for the retention time of an ended job.</summary>
    public async Task<JobArtifact> KeepAsync(Caller caller, string job, StageArtifact image, CancellationToken cancellationToken)
    {
        string tenant = caller.Tenant;
        JobArtifact artifact = JobArtifact.Of(job, image) with { Tenant = Tenant.ToStored(tenant) };
        if (!caller.IsAnonymous)
        {
            // Counts for the tenant's quota, and is never refused: the work is done.
            await uploads.ReserveAsync(
                new UploadReservation(artifact.Id, UploadOwner.OfTenant(tenant), artifact.Length, policy.Retention), UploadLimits.None,
                cancellationToken).ConfigureAwait(false);
        }
        await artifacts.PutAsync(artifact.Id, image.Bytes, policy.Retention, cancellationToken).ConfigureAwait(false);
        await artifacts.PutAsync(artifact.Id + Description, JobJson.Write(artifact), policy.Retention, cancellationToken).ConfigureAwait(false);
        return artifact;
    }

    /// <summary>Whether an id is valid. Ids are used as file names and keys, so nothing else may be.</summary>
    private static bool IsArtifactId(string id) =>
        id.Length <= 64 && id.LastIndexOf('-') > 0 && id.All(character => char.IsAsciiHexDigitLower(character) || character == '-');

    /// <summary>Cancels a job of a tenant.</summary>
    /// <returns>The job, and whether this call ended it; null when there is no such job.</returns>
    public async Task<(StoredJob Job, bool Cancelled)?> CancelAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        if (await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) is not { } job)
        {
            return null;
        }
        if (await store.ApplyAsync(job, (current, now) => JobRules.Cancel(current, now, policy),
            cancellationToken).ConfigureAwait(false) is { } cancelled)
        {
            telemetry.JobEnded(cancelled);
            await FreeAsync(cancelled).ConfigureAwait(false);
            return (cancelled, true);
        }
        if (await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) is not { } ended)
        {
            return null;
        }
        // An earlier call may have ended the job without receiving the answer, and have freed nothing.
        await RemoveBlobsAsync(id).ConfigureAwait(false);
        return (ended, false);
    }

    /// <summary>
    /// Streams a job's events: a snapshot of it (id 0), the events after the given one, and new ones until it ends; between them its newest preview
    /// (id 0) whenever it differs from the last one sent.
    /// </summary>
    /// <param name="tenant">The tenant's name.</param>
    /// <param name="id">The job.</param>
    /// <param name="after">The id of the last event that the caller has.</param>
    /// <param name="cancellationToken">Stops watching.</param>
    /// <exception cref="KeyNotFoundException">The job does not exist, or is another tenant's.</exception>
    public async IAsyncEnumerable<JobEvent> WatchAsync(
        string tenant, string id, long after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        using IDisposable registration = store.OnChange(id, () => changes.Writer.TryWrite(true));
        StoredJob job = await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) ?? throw new KeyNotFoundException(id);
        yield return new JobEvent
        {
            JobId = id,
            Time = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(Now),
            Snapshot = JobMessages.ToMessage(job),
        };
        bool hasPreviews = HasPreviews(job.Definition);
        long preview = 0;
        while (true)
        {
            IReadOnlyList<JobEvent> events = await store.EventsAsync(id, after, 256, cancellationToken).ConfigureAwait(false);
            foreach (JobEvent update in events)
            {
                yield return update;
                after = update.Id;
                if (update.EventCase is JobEvent.EventOneofCase.Done or JobEvent.EventOneofCase.Failed or JobEvent.EventOneofCase.Cancelled)
                {
                    yield break;
                }
            }
            if (hasPreviews && await store.FindPreviewAsync(id, preview, cancellationToken).ConfigureAwait(false) is { } newest)
            {
                preview = newest.Number;
                yield return newest.Event;
            }
            if (events.Count > 0)
            {
                continue;
            }
            // There are no new events and will be none: the job ended at or before the caller's last event, or was removed.
            if (await store.FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } current
                || (current.Record.HasEnded && current.Record.LastEvent <= after))
            {
                yield break;
            }
            using var poll = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            poll.CancelAfter(PollInterval);
            try
            {
                await changes.Reader.ReadAsync(poll.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // A signal may have been lost.
            }
        }
    }

    /// <summary>Stores the files of a stored job, sends its message, and marks it as accepted.</summary>
    private async Task<StoredJob> ConfirmAsync(StoredJob job, IReadOnlyList<JobFile> files, CancellationToken cancellationToken)
    {
        if (job.Record.Phase != JobPhase.Submitting)
        {
            return job;
        }
        foreach (string upload in job.Definition.Uploads)
        {
            if (!await artifacts.TouchAsync(upload, policy.FileTime, cancellationToken).ConfigureAwait(false))
            {
                throw new UploadMissingException(upload);
            }
            await uploads.ExtendAsync(upload, policy.FileTime, cancellationToken).ConfigureAwait(false);
        }
        foreach (JobFile file in files)
        {
            await artifacts.PutAsync(file.Id, file.Bytes, policy.FileTime, cancellationToken).ConfigureAwait(false);
        }
        FaultPoint.Reach("before submit send");
        await queues.SendAsync(job.Queue!, StageMessages.For(job), cancellationToken).ConfigureAwait(false);
        FaultPoint.Reach("after submit send");
        StoredJob? accepted = await store.ApplyAsync(job, JobRules.Accept, cancellationToken).ConfigureAwait(false);
        FaultPoint.Reach("after accept");
        if (accepted is null)
        {
            StoredJob current = await store.FindAsync(job.Definition.Id, cancellationToken).ConfigureAwait(false) ?? throw AbandonedFault(job);
            return current.Record.Phase == JobPhase.Abandoned ? throw AbandonedFault(job) : current;
        }
        telemetry.JobAccepted(accepted);
        return accepted;
    }

    private static bool HasPreviews(JobDefinition definition) =>
        definition.Plan.Stages.Any(
            stage => stage.Settings["preview_every"] is JsonValue every && every.TryGetValue(out int evaluations) && evaluations > 0);

    private static PlatformUnavailableException AbandonedFault(StoredJob job) =>
        new(PlatformPart.Submission, $"job {job.Definition.Id}: the submission took too long and was abandoned");

    /// <summary>Abandons a submission that failed, and removes its files.</summary>
    /// <param name="job">The job.</param>
    /// <param name="isOwn">Whether this submission created the job. A job of another submission is left for that one to abandon.</param>
    /// <param name="forget">Whether its message was certainly not sent, so that the job can be removed.</param>
    /// <returns>The job if it was accepted nevertheless; otherwise null.</returns>
    private async Task<StoredJob?> AbandonAsync(StoredJob job, bool isOwn, bool forget)
    {
        using var deadline = new CancellationTokenSource(limits.SubmissionTime);
        try
        {
            StoredJob? current = await store.FindAsync(job.Definition.Id, deadline.Token).ConfigureAwait(false);
            if (isOwn && current is { Record.Phase: JobPhase.Submitting })
            {
                await store.ApplyAsync(current, (candidate, now) => JobRules.Abandon(candidate, now, policy), deadline.Token).ConfigureAwait(false);
                current = await store.FindAsync(job.Definition.Id, deadline.Token).ConfigureAwait(false);
            }
            if (current is { Record.Phase: not (JobPhase.Submitting or JobPhase.Abandoned) })
            {
                return current;
            }
            if (current?.Record.Phase != JobPhase.Submitting)
            {
                await artifacts.RemoveFilesAsync(job, deadline.Token).ConfigureAwait(false);
                if (isOwn && forget)
                {
                    await store.RemoveAsync(job.Definition.Id, deadline.Token).ConfigureAwait(false);
                }
            }
            return null;
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException)
        {
            // The reconciler abandons it once its submission time is over.
            return null;
        }
    }

    /// <summary>
    /// Frees what a cancelled job holds. The files that came with its request stay for a retry, unless the store has no room for other jobs: then
    /// freeing room is the purpose of the cancellation.
    /// </summary>
    private async Task FreeAsync(StoredJob job)
    {
        await RemoveBlobsAsync(job.Definition.Id).ConfigureAwait(false);
        try
        {
            if (job.Definition.Files.Count > 0 && await store.FillAsync(CancellationToken.None).ConfigureAwait(false) >= limits.FullestStore)
            {
                await artifacts.RemoveFilesAsync(job, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (PlatformUnavailableException exception)
        {
            // They expire.
            PlatformLog.BlobsLeft(logger, job.Definition.Id, exception);
        }
    }

    private async Task RemoveBlobsAsync(string id)
    {
        try
        {
            await blobs.RemoveAsync(id, CancellationToken.None).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.BlobsLeft(logger, id, exception);
        }
    }
}
