using System.Diagnostics;
using Brownian.Jobs;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Records;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Workers;

/// <summary>
/// The context of a stage's run under a lease. All writes of the runner are made under the lease's number, and the run stops when the number is no
/// longer the current one. An outage of the store delays a stage but never fails it.
/// </summary>
internal sealed class JobContext : IStageContext, IAsyncDisposable
{
    private readonly IJobStore _store;
    private readonly IBlobStore _blobs;
    private readonly IArtifactStore _artifacts;
    private readonly JobPolicy _policy;
    private readonly WorkerSettings _settings;
    private readonly Func<bool> _drains;
    private readonly CancellationTokenSource _over;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly IDisposable _registration;
    private readonly Task _renewing;
    private readonly long _fence;
    private StoredJob _job;
    private Task _saving = Task.CompletedTask;
    private long _reported;
    private int _saves;

    public JobContext(
        StoredJob taken, IJobStore store, IBlobStore blobs, IArtifactStore artifacts, JobPolicy policy, WorkerSettings settings, Func<bool> drains,
        CancellationToken stopping)
    {
        (_job, _store, _blobs, _artifacts, _policy, _settings, _drains) = (taken, store, blobs, artifacts, policy, settings, drains);
        _fence = taken.Record.Fence;
        Stage = taken.CurrentStage!;
        _over = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _registration = store.OnChange(taken.Definition.Id, OnChange);
        _renewing = RenewAsync();
    }

    public PlanStage Stage { get; }

    public ReadOnlyMemory<byte> Checkpoint { get; private set; }

    public int CheckpointEvery => _settings.CheckpointEvery;

    public bool ReturnsSoon => _drains();

    /// <summary>Cancelled when the lease is lost or the job ended.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>The latest state of the job that this run has read or written.</summary>
    public StoredJob Job => _job;

    /// <summary>Whether this run has lost its lease.</summary>
    public bool IsLost { get; private set; }

    /// <summary>Loads the checkpoint, if a worker of the same provider saved it.</summary>
    public async Task LoadCheckpointAsync()
    {
        if (_job.Record.Checkpoint is { } checkpoint && checkpoint.Worker == _settings.Provider
            && await Retry.WhileUnavailableAsync(token => _blobs.GetAsync(_job.Definition.Id, checkpoint.State, token), Over)
                .ConfigureAwait(false) is { } state)
        {
            Checkpoint = state.Bytes;
        }
    }

    public async Task<IReadOnlyList<StageValue>> InputAsync(string name, CancellationToken cancellationToken)
    {
        string source = Stage.Inputs.TryGetValue(name, out string? known)
            ? known
            : throw new FieldFaultException(
                new FieldFault($"plan.{Stage.Name}.inputs.{name}", $"is missing; a stage of the kind {Stage.Kind} needs it"));
        if (!_job.Record.Outputs.TryGetValue(source, out IReadOnlyList<BlobRef>? references))
        {
            throw new FieldFaultException(
                new FieldFault($"plan.{Stage.Name}.inputs.{name}", $"is {source}, which stage {source.Split('.')[0]} does not produce"));
        }
        var values = new StageValue[references.Count];
        for (int i = 0; i < values.Length; i++)
        {
            int place = i;
            values[i] = await Retry.WhileUnavailableAsync(token => _blobs.GetAsync(_job.Definition.Id, references[place], token), cancellationToken)
                .ConfigureAwait(false)
                ?? throw new StageInputMissingException(source);
        }
        return values;
    }

    public int Kept(string output) =>
        _job.Record.Outputs.TryGetValue($"{Stage.Name}.{output}", out IReadOnlyList<BlobRef>? values) ? values.Count : 0;

    public async Task KeepAsync(string output, StageValue value, CancellationToken cancellationToken)
    {
        string key = string.Create(CultureInfo.InvariantCulture, $"{Stage.Name}.{output}.{Kept(output)}.{_fence}");
        FaultPoint.Reach("before keep");
        BlobRef reference =
            await Retry.WhileUnavailableAsync(token => _blobs.PutAsync(_job.Definition.Id, key, value, token), cancellationToken)
                .ConfigureAwait(false);
        await WriteAsync((job, now) => JobRules.Keep(job, _fence, output, reference, now), cancellationToken).ConfigureAwait(false);
        FaultPoint.Reach("after keep");
    }

    public async Task SaveAsync(byte[] state, StageProgress progress, CancellationToken cancellationToken)
    {
        await _saving.ConfigureAwait(false);
        _saving = SaveCoreAsync(state, progress);
    }

    public async Task ReportAsync(StageProgress progress, CancellationToken cancellationToken)
    {
        // The previous save is complete before the next evaluation starts.
        await _saving.ConfigureAwait(false);
        if (_reported == 0 || Stopwatch.GetElapsedTime(_reported) >= _settings.ProgressEvery || progress.Evaluation == progress.Evaluations)
        {
            _reported = Stopwatch.GetTimestamp();
            var reported = JobProgress.From(progress);
            await WriteAsync((job, now) => JobRules.Report(job, _fence, reported, now), cancellationToken).ConfigureAwait(false);
            return;
        }
        await CheckAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken)
    {
        var update = new JobEvent
        {
            JobId = _job.Definition.Id,
            Time = Timestamp.FromDateTimeOffset(_store.Clock.GetUtcNow()),
            Preview = JobMessages.ToPreview(JobProgress.From(progress), png),
        };
        try
        {
            if (await _store.TryPutPreviewAsync(_job.Definition.Id, _fence, update, cancellationToken).ConfigureAwait(false))
            {
                return;
            }
        }
        catch (PlatformUnavailableException)
        {
            // The next preview replaces this one anyway, so an outage must not delay the run.
            return;
        }
        await CheckAsync(cancellationToken).ConfigureAwait(false);
    }

    public Task WarnAsync(string message, CancellationToken cancellationToken) =>
        WriteAsync((job, now) => JobRules.Warn(job, _fence, message, now), cancellationToken);

    public async Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken)
    {
        JobArtifact finished = JobArtifact.Of(_job.Definition.Id, artifact);
        FaultPoint.Reach("before artifact");
        await Retry.WhileUnavailableAsync(
            async token =>
            {
                await _artifacts.PutAsync(finished.Id, artifact.Bytes, null, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        FaultPoint.Reach("after artifact");
        await WriteAsync((job, now) => JobRules.AddArtifact(job, _fence, finished, now), cancellationToken).ConfigureAwait(false);
    }

    public async Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) =>
        await Retry.WhileUnavailableAsync(token => _artifacts.GetAsync(id, token), cancellationToken).ConfigureAwait(false)
        ?? throw new FieldFaultException(new FieldFault("image", $"{id} no longer exists; upload it again"));

    /// <summary>Applies a step under the lease.</summary>
    /// <exception cref="OperationCanceledException">The lease is lost.</exception>
    public async Task<StoredJob> WriteAsync(Func<StoredJob, DateTimeOffset, JobChange?> rule, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            string write = JobWrite.NewId();
            StoredJob? written = await Retry.WhileUnavailableAsync(token => _store.ApplyAsync(_job, write, rule, token), cancellationToken)
                .ConfigureAwait(false);
            // The write was made, and then another writer ended the job, which reports the end.
            if (written is null || (written.Record.HasEnded && !JobWrite.IsLast(written.Record, write)))
            {
                EndAfterLoss();
                throw new OperationCanceledException("The lease was lost", _over.Token);
            }
            return _job = written;
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Completes the stage.</summary>
    /// <exception cref="OperationCanceledException">The lease is lost.</exception>
    public Task<StoredJob> CompleteAsync(TimeSpan serviceTime) =>
        WriteAsync((job, now) => JobRules.Complete(job, _fence, serviceTime, now, _policy), Over);

    /// <summary>Waits for a checkpoint that is being saved.</summary>
    public Task SavedAsync() => _saving;

    public async ValueTask DisposeAsync()
    {
        _registration.Dispose();
        await _over.CancelAsync().ConfigureAwait(false);
        // The run is over, so these writes are not needed, whether they were sent or not.
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _saving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _over.Dispose();
        _writing.Dispose();
    }

    private async Task SaveCoreAsync(byte[] state, StageProgress progress)
    {
        string? before = _job.Record.Checkpoint?.State.Key;
        string key = string.Create(CultureInfo.InvariantCulture, $"{Stage.Name}.checkpoint.{_fence}-{++_saves}");
        FaultPoint.Reach("before checkpoint");
        BlobRef reference =
            await Retry.WhileUnavailableAsync(token => _blobs.PutAsync(_job.Definition.Id, key, StageValue.From(state), token), Over)
                .ConfigureAwait(false);
        FaultPoint.Reach("in checkpoint");
        var checkpoint = new JobCheckpoint(reference, progress.Image, progress.Evaluation, _settings.Provider);
        await WriteAsync((job, now) => JobRules.SaveCheckpoint(job, _fence, checkpoint, now, _policy), Over).ConfigureAwait(false);
        FaultPoint.Reach("after checkpoint");
        if (before is not null)
        {
            await ForgetAsync(before).ConfigureAwait(false);
        }
    }

    /// <summary>Removes values that no stage will read; where that fails, they are removed with the job after its retention.</summary>
    private async Task ForgetAsync(string key)
    {
        try
        {
            await _blobs.RemoveAsync(_job.Definition.Id, [key], Over).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException)
        {
            // An outage never faults a stage.
        }
    }

    /// <summary>Checks whether another process wrote the job; cheap.</summary>
    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            long version =
                await Retry.WhileUnavailableAsync(token => _store.VersionAsync(_job.Definition.Id, token), cancellationToken).ConfigureAwait(false);
            if (version == _job.Version)
            {
                return;
            }
            if (await Retry.WhileUnavailableAsync(token => _store.FindAsync(_job.Definition.Id, token),
                cancellationToken).ConfigureAwait(false) is { } current
                && JobRules.Holds(current, _fence))
            {
                _job = current;
                return;
            }
            EndAfterLoss();
            throw new OperationCanceledException("The lease was lost", _over.Token);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task RenewAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(_policy.LeaseTime / 3, TimeProvider.System);
            while (await timer.WaitForNextTickAsync(Over).ConfigureAwait(false))
            {
                await WriteAsync((job, now) => JobRules.Renew(job, _fence, now, _policy), Over).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
    }

    /// <summary>Handles a change of the job, possibly by this run itself.</summary>
    private async void OnChange()
    {
        try
        {
            await CheckAsync(Over).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The run is over, or has just detected that. Any other exception is thrown again by the next evaluation's check.
        }
    }

    private void EndAfterLoss()
    {
        IsLost = true;
        // Not awaited: the callbacks, which stop the running graph, may run on any thread.
        _ = _over.CancelAsync();
    }
}
