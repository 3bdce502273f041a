using System.Collections.Frozen;
using System.Diagnostics;
using Brownian.Formats.Files;
using Brownian.Hosting;
using Brownian.Inference.Engines;
using Brownian.Jobs;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Broadcasts;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>
/// Takes stages of its role's kinds and its models from their queues, one a free slot, and does them under leases. What comes next is read
/// from the job's plan. It is ready after every model ran once; it drains when its process is asked to stop.
/// </summary>
public sealed class StageWorker : IWorkerStatus, IHostedService, IAsyncDisposable
{
    private readonly IJobStore _store;
    private readonly IStageQueues _queues;
    private readonly IBlobStore _blobs;
    private readonly IArtifactStore _artifacts;
    private readonly ICatalog _catalog;
    private readonly LocalEngines _engines;
    private readonly FrozenDictionary<string, IStageRunner> _runners;
    private readonly JobPolicy _policy;
    private readonly WorkerSettings _settings;
    private readonly PlatformTelemetry _telemetry;
    private readonly IProcessMemory _memory;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ProcessEnd _end;
    private readonly ServerPaths _paths;
    private readonly ILogger<StageWorker> _logger;
    private readonly IDisposable _commands;
    private readonly SemaphoreSlim _room;
    private readonly SemaphoreSlim _alone = new(1, 1);
    private readonly SemaphoreSlim _saying = new(1, 1);
    private readonly CancellationTokenSource _takes = new();
    private readonly CancellationTokenSource _works = new();
    private readonly CancellationTokenSource _beats = new();
    private readonly Lock _lock = new();
    private TaskCompletionSource _resumed = Completed();
    private CancellationTokenSource _pauses = new();
    private CancellationTokenSource _serves = new();
    private StageQueue[] _served = [];
    private QueueOrder? _order;
    private Dictionary<string, string> _fingerprints = [];
    private Task _running = Task.CompletedTask;
    private int _busy;
    private int _leaves;
    private int _disposed;

    /// <summary>A worker; <see cref="StartAsync"/> starts it.</summary>
    public StageWorker(
        WorkerRole role,
        IJobStore store,
        IStageQueues queues,
        IBlobStore blobs,
        IArtifactStore artifacts,
        ICatalog catalog,
        IBroadcasts broadcasts,
        LocalEngines engines,
        IEnumerable<IStageRunner> runners,
        JobPolicy policy,
        WorkerSettings settings,
        PlatformTelemetry telemetry,
        IProcessMemory memory,
        IHostApplicationLifetime lifetime,
        ProcessEnd end,
        ServerPaths paths,
        ILogger<StageWorker> logger)
    {
        Role = role;
        Id = string.Create(
            CultureInfo.InvariantCulture,
            $"{role.Name}-{Environment.MachineName.ToLowerInvariant()}-{Environment.ProcessId}-{Guid.NewGuid().ToString("n")[..4]}");
        (_store, _queues, _blobs, _artifacts, _catalog, _engines) = (store, queues, blobs, artifacts, catalog, engines);
        (_policy, _settings, _telemetry, _memory, _lifetime, _end, _paths, _logger) =
            (policy, settings, telemetry, memory, lifetime, end, paths, logger);
        _runners = runners.Where(runner => role.Kinds.Contains(runner.Kind)).ToFrozenDictionary(runner => runner.Kind);
        _room = new SemaphoreSlim(settings.Slots, settings.Slots);
        _commands = broadcasts.OnCommand(OnCommand);
    }

    /// <summary>The worker's id.</summary>
    public string Id { get; }

    /// <inheritdoc/>
    public WorkerRole Role { get; }

    /// <inheritdoc/>
    public WorkerState State { get; private set; }

    /// <inheritdoc/>
    public bool IsAnnounced { get; private set; }

    /// <summary>Stages it works on now.</summary>
    public int Busy => Volatile.Read(ref _busy);

    /// <inheritdoc/>
    /// <remarks>It tries again until <see cref="WorkerSettings.StartTime"/> is over.</remarks>
    public string? Problem { get; private set; }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await DrainAsync().ConfigureAwait(false);
        _works.CancelAfter(_settings.DrainTime);
        using CancellationTokenRegistration hurry = cancellationToken.Register(_works.Cancel);
        await _running.ConfigureAwait(false);
        PlatformLog.WorkerDrained(_logger, Id);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        _commands.Dispose();
        // A process that could not start is taken down without having been stopped.
        await _takes.CancelAsync().ConfigureAwait(false);
        await _works.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _room.Dispose();
        _alone.Dispose();
        _saying.Dispose();
        _takes.Dispose();
        _works.Dispose();
        _beats.Dispose();
        _pauses.Dispose();
        _serves.Dispose();
    }

    private static TaskCompletionSource Completed()
    {
        var completed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        completed.SetResult();
        return completed;
    }

    private async Task RunAsync()
    {
        Task beating = HeartbeatAsync();
        await ServeAsync().ConfigureAwait(false);
        await _takes.CancelAsync().ConfigureAwait(false);
        await _beats.CancelAsync().ConfigureAwait(false);
        await beating.ConfigureAwait(false);
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await _catalog.RemoveAsync(Id, deadline.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException)
        {
            // It is forgotten when it was silent for long enough.
        }
    }

    /// <summary>
    /// Starts and takes stages until it is asked to stop. A start that fails, and a worker elsewhere that serves other files under the same
    /// names, are tried again after a pause; where that goes on for too long, the process ends with an error.
    /// </summary>
    private async Task ServeAsync()
    {
        long failing = 0;
        TimeSpan pause = _settings.RestartPause;
        while (!_takes.IsCancellationRequested)
        {
            try
            {
                await PrepareAsync(failing).ConfigureAwait(false);
                (failing, pause) = (0, _settings.RestartPause);
                await Task.WhenAll(Enumerable.Range(0, _settings.Slots).Select(_ => TakeAsync())).ConfigureAwait(false);
                continue;
            }
            catch (OperationCanceledException) when (_takes.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                Problem = exception.Message;
                PlatformLog.WorkerStuck(_logger, Id, exception.Message, exception);
            }
            // What it would serve is not what it says.
            _fingerprints = [];
            failing = failing == 0 ? Stopwatch.GetTimestamp() : failing;
            if (Stopwatch.GetElapsedTime(failing) + pause >= _settings.StartTime)
            {
                PlatformLog.WorkerGivesUp(_logger, Id, _settings.StartTime.TotalSeconds, Problem);
                _end.Fail($"{Role.Name} cannot start: {Problem}");
                await EndHostAsync().ConfigureAwait(false);
                return;
            }
            await Task.Delay(pause, _takes.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < _settings.MaxRestartPause ? pause * 2 : _settings.MaxRestartPause;
        }
    }

    /// <summary>Stops the process once it has started: a start that is cancelled would be another failure.</summary>
    private async Task EndHostAsync()
    {
        try
        {
            await HostStartedAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // It is stopped already.
        }
        _lifetime.StopApplication();
    }

    /// <summary>Loads and runs every model once, and says what is served.</summary>
    /// <param name="failing">Since when starting fails; 0 where it does not.</param>
    private async Task PrepareAsync(long failing)
    {
        if (_serves.IsCancellationRequested)
        {
            // Not disposed: a heartbeat may hold it.
            _serves = new CancellationTokenSource();
        }
        var fingerprints = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string model in _engines.Models)
        {
            fingerprints[model] = await _engines.FingerprintAsync(model).ConfigureAwait(false);
            foreach (string kind in _runners.Keys)
            {
                await _engines.WarmUpAsync(model, kind, _takes.Token).ConfigureAwait(false);
            }
        }
        await RequireSameFilesAsync(fingerprints, failing).ConfigureAwait(false);
        if (Role.Kinds.Contains(StageKind.Denoise))
        {
            foreach (string model in _engines.Models)
            {
                if (await _engines.SignatureAsync(model, _takes.Token).ConfigureAwait(false) is { } outline)
                {
                    await PublishAsync(token => _catalog.PublishAsync(outline, token)).ConfigureAwait(false);
                }
                ModelCard card = await _engines.DescribeAsync(model, _takes.Token).ConfigureAwait(false);
                await PublishAsync(token => _catalog.PublishAsync(card, token)).ConfigureAwait(false);
            }
            foreach (Cascade cascade in _engines.Cascades)
            {
                await PublishAsync(token => _catalog.PublishAsync(cascade.ToCard(), token)).ConfigureAwait(false);
            }
        }
        _served =
        [
            .. from priority in Enum.GetValues<JobPriority>()
               from kind in Role.Kinds
               where _runners.ContainsKey(kind)
               from model in kind == StageKind.Write ? (IEnumerable<string?>)[null] : _engines.Models
               select new StageQueue(kind, model, priority),
        ];
        _order = new QueueOrder(_store, _served, _settings.MaxWait);
        await HostStartedAsync().ConfigureAwait(false);
        lock (_lock)
        {
            if (State == WorkerState.Starting)
            {
                State = WorkerState.Ready;
            }
        }
        await PublishAsync().ConfigureAwait(false);
        string models = string.Join(", ", _engines.Models);
        PlatformLog.WorkerReady(_logger, Id, models);
        if (ResidentAboveLimit() is { } resident)
        {
            PlatformLog.LimitTooLow(_logger, Id, resident >> 20, _settings.ResidentLimit >> 20);
        }
    }

    /// <summary>Waits until the process listens: a gateway that reads that this worker is ready may call it at once.</summary>
    private async Task HostStartedAsync()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationTokenRegistration told = _lifetime.ApplicationStarted.Register(started.SetResult);
        await using (told.ConfigureAwait(false))
        {
            await started.Task.WaitAsync(_takes.Token).ConfigureAwait(false);
        }
    }

    private async Task PublishAsync(Func<CancellationToken, Task> tell) => await Retry.WhileAwayAsync(
        async token =>
        {
            await tell(token).ConfigureAwait(false);
            return true;
        },
        _takes.Token).ConfigureAwait(false);

    /// <summary>Waits until no worker serves other files under the names of these: one with the old files may be about to end.</summary>
    /// <exception cref="ModelException">One still does after <see cref="WorkerSettings.StartTime"/>.</exception>
    private async Task RequireSameFilesAsync(Dictionary<string, string> fingerprints, long failing)
    {
        failing = failing == 0 ? Stopwatch.GetTimestamp() : failing;
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        do
        {
            try
            {
                _fingerprints = fingerprints;
                await PublishCardAsync().ConfigureAwait(false);
                Problem = null;
                return;
            }
            catch (ModelException exception) when (Stopwatch.GetElapsedTime(failing) < _settings.StartTime)
            {
                _fingerprints = [];
                if (Problem is null)
                {
                    PlatformLog.WorkerStuck(_logger, Id, exception.Message, null);
                }
                Problem = exception.Message;
            }
        }
        while (await timer.WaitForNextTickAsync(_takes.Token).ConfigureAwait(false));
    }

    /// <summary>A slot: takes a message when there is room, does what it says, takes the next.</summary>
    private async Task TakeAsync()
    {
        CancellationToken serves = _serves.Token;
        TimeSpan pause = _settings.RestartPause;
        while (!_takes.IsCancellationRequested && !serves.IsCancellationRequested)
        {
            try
            {
                await ResumedAsync().ConfigureAwait(false);
                IStageDelivery delivery;
                using (var takes = CancellationTokenSource.CreateLinkedTokenSource(_takes.Token, PauseToken(), serves))
                {
                    try
                    {
                        IReadOnlyList<StageQueue> order = await _order!.NextAsync(takes.Token).ConfigureAwait(false);
                        delivery = await _queues.TakeAsync(order, takes.Token).ConfigureAwait(false);
                    }
                    catch (OperationCanceledException) when (!_takes.IsCancellationRequested)
                    {
                        continue;
                    }
                }
                Interlocked.Increment(ref _busy);
                try
                {
                    await HandleAsync(delivery).ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (_works.IsCancellationRequested)
                {
                    // Not acknowledged: the message comes again, elsewhere.
                }
                catch (Exception exception)
                {
                    // A job that cannot be read must not cost the slot. The reconciler sends its message again.
                    PlatformLog.StageCrashed(_logger, delivery.Message.Job, delivery.Message.Stage, exception);
                    await delivery.AcknowledgeAsync().ConfigureAwait(false);
                }
                finally
                {
                    Interlocked.Decrement(ref _busy);
                }
                pause = _settings.RestartPause;
                if (Volatile.Read(ref _leaves) != 0)
                {
                    _lifetime.StopApplication();
                    return;
                }
            }
            catch (OperationCanceledException) when (_takes.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Neither a job nor an outage: the slot takes the next message after a pause.
                PlatformLog.SlotCrashed(_logger, Id, exception);
                await Task.Delay(pause, _takes.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < _settings.MaxRestartPause ? pause * 2 : _settings.MaxRestartPause;
            }
        }
    }

    private async Task HandleAsync(IStageDelivery delivery)
    {
        FaultPoint.Reach("message in hand");
        CancellationToken stopping = _works.Token;
        StoredJob? job = await Retry.WhileAwayAsync(token => _store.FindAsync(delivery.Message.Job, token), stopping).ConfigureAwait(false);
        bool acknowledged = false;
        while (job is { Record.HasEnded: false })
        {
            if (job.Queue is not { } queue || !_served.Contains(queue))
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
            job = await RunAsync(taken, waiting, delivery.Message).ConfigureAwait(false);
            await LeaveAboveLimitAsync().ConfigureAwait(false);
            if (job is null)
            {
                return;
            }
            if (job.Record.HasEnded)
            {
                await EndAsync(job).ConfigureAwait(false);
                return;
            }
            // The next stage is done at once where this worker can do it; otherwise its message goes out. Another slot may have decided to leave a
            // moment before the state says so.
            if (State != WorkerState.Ready || Volatile.Read(ref _leaves) != 0 || job.Queue is not { } next || !_served.Contains(next))
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
            token => _store.ApplyAsync(
                waiting,
                write,
                (current, now) =>
                {
                    JobChange? change = current.Queue == queue && current.Record.Phase != JobPhase.Running
                        ? JobRules.Take(current, Id, now, _policy)
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
            // The message was faster than its gateway's word: this accepted the job.
            _telemetry.JobAccepted(taken);
        }
        // Where the answer to the write was lost, others may have written since: an end, or the loss of a lease that no slot renewed.
        return taken.Record.HasEnded ? JobWrite.IsLast(taken.Record, write) ? taken : null : JobRules.Holds(taken, fence) ? taken : null;
    }

    /// <summary>Does a stage.</summary>
    /// <returns>The job after it; null when it is not this worker's any more.</returns>
    private async Task<StoredJob?> RunAsync(StoredJob taken, StoredJob waiting, StageMessage message)
    {
        string id = taken.Definition.Id, stage = taken.CurrentStage!.Name;
        using IDisposable? scope = _logger.BeginScope(new Dictionary<string, object> { ["Job"] = id, ["Stage"] = stage });
        using Activity? activity = _telemetry.StartStage(taken, message, Id);
        PlatformLog.StageTaken(_logger, id, stage, taken.Record.Fence);
        _telemetry.StageTaken(taken, _store.Clock.GetUtcNow() - (waiting.Record.WaitsSince ?? _store.Clock.GetUtcNow()));
        var context = new JobContext(taken, _store, _blobs, _artifacts, _policy, _settings, () => State == WorkerState.Draining, _works.Token);
        await using (context.ConfigureAwait(false))
        {
            // The lease is renewed while the stage waits for room.
            int room = 0;
            try
            {
                room = await EnterAsync(alone: taken.Record.Deaths >= _policy.AloneAfterDeaths, context.Over).ConfigureAwait(false);
                long started = Stopwatch.GetTimestamp();
                await context.LoadCheckpointAsync().ConfigureAwait(false);
                await _runners[taken.CurrentStage.Kind].RunAsync(new MeasuredContext(context, _telemetry), context.Over).ConfigureAwait(false);
                await context.SavedAsync().ConfigureAwait(false);
                FaultPoint.Reach("before complete");
                TimeSpan time = Stopwatch.GetElapsedTime(started);
                StoredJob done = await context.CompleteAsync(time).ConfigureAwait(false);
                FaultPoint.Reach("after complete");
                _telemetry.StageDone(taken.CurrentStage.Kind, taken.CurrentStage.Model, time);
                PlatformLog.StageDone(_logger, id, stage, time.TotalMilliseconds);
                return done;
            }
            catch (OperationCanceledException) when (context.IsLost)
            {
                PlatformLog.StageLost(_logger, id, stage);
                return null;
            }
            catch (Exception exception) when (
                exception is StageReturnedException || (exception is OperationCanceledException && _works.IsCancellationRequested))
            {
                return await HandBackAsync(context, taken, exception is StageReturnedException ? "its worker drains" : "its worker stopped")
                    .ConfigureAwait(false);
            }
            catch (OperationCanceledException exception)
            {
                // Nothing was asked to stop: the stage gave up by itself, and may do so every time.
                PlatformLog.StageCrashed(_logger, id, stage, exception);
                return await FinishAsync(
                    context, (job, now) =>
                        JobRules.GiveUp(job, taken.Record.Fence, "it was cancelled and no call asked for that", now, _policy)).ConfigureAwait(false);
            }
            catch (StageInputMissingException exception)
            {
                PlatformLog.BlobDamaged(_logger, id, exception.MissingSource);
                return await FinishAsync(context, (job, now) => JobRules.Rewind(job, taken.Record.Fence, exception.MissingSource, now, _policy))
                    .ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                StatusCode code = exception switch
                {
                    // Numbers of another shape or type than the stage takes: a request may bring some.
                    FieldFaultException or InvalidDataException => StatusCode.InvalidArgument,
                    ModelException => StatusCode.FailedPrecondition,
                    DenoiseException => StatusCode.OutOfRange,
                    _ => StatusCode.Internal,
                };
                if (code == StatusCode.Internal)
                {
                    PlatformLog.StageCrashed(_logger, id, stage, exception);
                }
                else
                {
                    PlatformLog.JobFailed(_logger, id, stage, exception.Message);
                }
                activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
                string reason = code == StatusCode.Internal
                    ? $"stage {stage} failed unexpectedly; the log of its worker says more"
                    : _paths.Hide(exception.Message);
                return await FinishAsync(context, (job, now) => JobRules.Fail(job, taken.Record.Fence, code, reason, now, _policy))
                    .ConfigureAwait(false);
            }
            finally
            {
                if (room > 0)
                {
                    _room.Release(room);
                }
            }
        }
    }

    /// <summary>The last step under a lease, which must be made although everything else stops.</summary>
    private static async Task<StoredJob?> FinishAsync(JobContext context, Func<StoredJob, DateTimeOffset, JobChange?> rule)
    {
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            return await context.WriteAsync(rule, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The lease is lost, or runs out by itself.
            return null;
        }
    }

    private async Task<StoredJob?> HandBackAsync(JobContext context, StoredJob taken, string reason)
    {
        try
        {
            await context.SavedAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The last checkpoint before it holds.
        }
        PlatformLog.StageReturned(_logger, taken.Definition.Id, taken.CurrentStage!.Name, reason);
        return await FinishAsync(context, (job, now) => JobRules.HandBack(job, taken.Record.Fence, reason, now)).ConfigureAwait(false);
    }

    /// <summary>Sends the message of a job's stage; where that fails the reconciler does it.</summary>
    private async Task SendAsync(StoredJob job)
    {
        try
        {
            FaultPoint.Reach("before next send");
            await _queues.SendAsync(job.Queue!, StageMessages.For(job), CancellationToken.None).ConfigureAwait(false);
            FaultPoint.Reach("after next send");
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.SendLater(_logger, job.Definition.Id, job.CurrentStage!.Name, exception);
        }
    }

    private async Task EndAsync(StoredJob job)
    {
        FaultPoint.Reach("after terminal write");
        _telemetry.JobEnded(job);
        try
        {
            await _blobs.RemoveAsync(job.Definition.Id, CancellationToken.None).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.BlobsLeft(_logger, job.Definition.Id, exception);
        }
    }

    /// <summary>Takes room for a stage: one place, or all of them for one that has killed workers before.</summary>
    /// <returns>How many places to give back.</returns>
    private async Task<int> EnterAsync(bool alone, CancellationToken cancellationToken)
    {
        if (!alone)
        {
            await _room.WaitAsync(cancellationToken).ConfigureAwait(false);
            return 1;
        }
        // One at a time: two that each hold some places would wait for each other.
        await _alone.WaitAsync(cancellationToken).ConfigureAwait(false);
        int held = 0;
        try
        {
            for (; held < _settings.Slots; held++)
            {
                await _room.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            return held;
        }
        catch when (held > 0)
        {
            _room.Release(held);
            throw;
        }
        finally
        {
            _alone.Release();
        }
    }

    private void OnCommand(WorkerCommand command)
    {
        if (command.Worker != Id)
        {
            return;
        }
        switch (command.Action)
        {
            case WorkerAction.Pause:
                if (!TryPause(WorkerState.Paused))
                {
                    return;
                }
                break;
            case WorkerAction.Resume:
                lock (_lock)
                {
                    // A worker that drains for good is asked to stop.
                    if (State is not (WorkerState.Paused or WorkerState.Draining) || _takes.IsCancellationRequested)
                    {
                        return;
                    }
                    State = WorkerState.Ready;
                    _pauses.Dispose();
                    _pauses = new CancellationTokenSource();
                    _resumed.TrySetResult();
                }
                break;
            case WorkerAction.Drain when _settings.EndsProcess:
                _ = DrainAndStopAsync();
                return;
            case WorkerAction.Drain:
                // The process goes on with its other parts: what is under way is handed back as in any drain, and the worker can be resumed.
                if (!TryPause(WorkerState.Draining))
                {
                    return;
                }
                PlatformLog.WorkerDrains(_logger, Id);
                break;
        }
        _ = PublishAsync();
    }

    /// <summary>Takes nothing new until it is resumed.</summary>
    /// <returns>Whether it took work, or was paused, until now.</returns>
    private bool TryPause(WorkerState state)
    {
        lock (_lock)
        {
            if (State != WorkerState.Ready && !(State == WorkerState.Paused && state == WorkerState.Draining))
            {
                return false;
            }
            if (State == WorkerState.Ready)
            {
                _resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _pauses.Cancel();
            }
            State = state;
            return true;
        }
    }

    private async Task DrainAndStopAsync()
    {
        await DrainAsync().ConfigureAwait(false);
        _lifetime.StopApplication();
    }

    /// <summary>Drains where the process holds too much; its slot ends the process once the job is handed on.</summary>
    private async Task LeaveAboveLimitAsync()
    {
        // A pause is this worker's alone: the one that comes after it would not know of it.
        if (State == WorkerState.Ready && ResidentAboveLimit() is { } resident && Interlocked.Exchange(ref _leaves, 1) == 0)
        {
            PlatformLog.WorkerLeaves(_logger, Id, resident >> 20, _settings.ResidentLimit >> 20);
            await DrainAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Resident bytes where they stay above the limit when unused memory was given back; null where they do not.</summary>
    private long? ResidentAboveLimit()
    {
        if (!_settings.EndsProcess || _settings.ResidentLimit == 0 || _memory.Resident <= _settings.ResidentLimit)
        {
            return null;
        }
        _memory.Trim();
        return _memory.Resident is var resident && resident > _settings.ResidentLimit ? resident : null;
    }

    private async Task DrainAsync()
    {
        lock (_lock)
        {
            if (_takes.IsCancellationRequested)
            {
                return;
            }
            State = WorkerState.Draining;
        }
        PlatformLog.WorkerDrains(_logger, Id);
        await _takes.CancelAsync().ConfigureAwait(false);
        await PublishAsync().ConfigureAwait(false);
    }

    private Task ResumedAsync()
    {
        lock (_lock)
        {
            return _resumed.Task.WaitAsync(_takes.Token);
        }
    }

    private CancellationToken PauseToken()
    {
        lock (_lock)
        {
            return _pauses.Token;
        }
    }

    private async Task HeartbeatAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(_settings.HeartbeatEvery);
            do
            {
                await PublishAsync().ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(_beats.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // It stops.
        }
    }

    /// <summary>Says how it is; a worker that another one contradicts takes no more work.</summary>
    private async Task PublishAsync()
    {
        try
        {
            await PublishCardAsync().ConfigureAwait(false);
        }
        catch (ModelException exception)
        {
            Problem = exception.Message;
            PlatformLog.WorkerStuck(_logger, Id, exception.Message, null);
            _fingerprints = [];
            lock (_lock)
            {
                State = State == WorkerState.Ready ? WorkerState.Starting : State;
            }
            // Its slots end their stages and take no more; it starts again.
            await _serves.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Writes into the catalogue how it is. One at a time: an older word must not come after a newer one.</summary>
    /// <exception cref="ModelException">Another worker serves other files under the same name.</exception>
    private async Task PublishCardAsync()
    {
        await _saying.WaitAsync().ConfigureAwait(false);
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            WorkerState state = State;
            await _catalog.PublishAsync(
                new WorkerCard
                {
                    Id = Id,
                    Role = Role.Name,
                    State = state,
                    Models = _fingerprints,
                    Address = _settings.Address(),
                    Busy = Busy,
                    Slots = _settings.Slots,
                    EndsProcess = _settings.EndsProcess,
                    Provider = _settings.Provider,
                    Seen = _store.Clock.GetUtcNow(),
                },
                deadline.Token).ConfigureAwait(false);
            IsAnnounced |= state == WorkerState.Ready;
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException)
        {
            string reason = exception is PlatformUnavailableException unavailable ? unavailable.Details : exception.Message;
            PlatformLog.Away(_logger, "the catalogue", reason);
        }
        finally
        {
            _saying.Release();
        }
    }
}
