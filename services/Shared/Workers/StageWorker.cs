using System.Diagnostics;
using Brownian.Hosting;
using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>
/// A worker of a role: loads and runs every model once, announces itself, and lets its slots take stages of the role's kinds from their queues, under
/// leases. It drains when its process receives a stop request.
/// </summary>
public sealed class StageWorker : IWorkerStatus, IHostedService, IAsyncDisposable
{
    private readonly WorkerIdentity _identity;
    private readonly WorkerLifecycle _lifecycle;
    private readonly WorkerAnnouncement _announcement;
    private readonly WorkerCommands _commands;
    private readonly ResidentLimit _limit;
    private readonly SlotRoom _room;
    private readonly StageTaker _taker;
    private readonly ServedQueues _queues;
    private readonly WorkerModels _models;
    private readonly WorkerSettings _settings;
    private readonly ProcessWorkers _workers;
    private readonly IHostApplicationLifetime _process;
    private readonly ProcessEnd _end;
    private readonly ILogger<StageWorker> _logger;
    private Task _running = Task.CompletedTask;
    private bool _isEmptied;
    private int _disposed;

    /// <summary>Creates a worker of its parts; <see cref="StartAsync"/> starts it.</summary>
    internal StageWorker(
        WorkerIdentity identity, WorkerLifecycle lifecycle, WorkerAnnouncement announcement, WorkerCommands commands, ResidentLimit limit,
        SlotRoom room, StageTaker taker, ServedQueues queues, WorkerModels models, WorkerSettings settings, ProcessWorkers workers,
        IHostApplicationLifetime process, ProcessEnd end, ILogger<StageWorker> logger)
    {
        (_identity, _lifecycle, _announcement, _commands, _limit, _room) = (identity, lifecycle, announcement, commands, limit, room);
        (_taker, _queues, _models, _settings) = (taker, queues, models, settings);
        (_workers, _process, _end, _logger) = (workers, process, end, logger);
    }

    /// <summary>The worker's id.</summary>
    public string Id => _identity.Id;

    /// <inheritdoc/>
    public WorkerRole Role => _identity.Role;

    /// <inheritdoc/>
    public WorkerState State => _lifecycle.State;

    /// <inheritdoc/>
    public bool IsAnnounced => _announcement.IsAnnounced;

    /// <summary>The number of running stages.</summary>
    public int Busy => _lifecycle.Busy;

    /// <inheritdoc/>
    /// <remarks>The worker retries until <see cref="WorkerSettings.StartTime"/> is over.</remarks>
    public string? Problem => _lifecycle.Problem;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _commands.DrainAsync().ConfigureAwait(false);
        _lifecycle.StopWorkingAfter(_settings.DrainTime);
        using CancellationTokenRegistration stopNow = cancellationToken.Register(() => _lifecycle.StopWorkingAfter(TimeSpan.Zero));
        await _running.ConfigureAwait(false);
        PlatformLog.WorkerDrained(_logger, Id);
        if (_settings.Drains && !_isEmptied)
        {
            // A supervisor that counts completed processes must not count this one.
            _end.Fail($"the {Role.Name} was stopped before its queues were empty");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        _commands.Dispose();
        // A process that could not start is disposed without having been stopped.
        await _lifecycle.StopTakingAsync().ConfigureAwait(false);
        await _lifecycle.StopWorkingAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _room.Dispose();
        _announcement.Dispose();
        _lifecycle.Dispose();
    }

    private async Task RunAsync()
    {
        Task heartbeat = _announcement.HeartbeatAsync();
        await ServeAsync().ConfigureAwait(false);
        await _lifecycle.StopTakingAsync().ConfigureAwait(false);
        await _announcement.RemoveAsync(heartbeat).ConfigureAwait(false);
        if (_settings.Drains)
        {
            _workers.Leave();
        }
    }

    /// <summary>
    /// Starts and takes stages until the worker is stopped. The start is retried after a pause when it fails, and when another worker serves other
    /// files under the same names; if that lasts too long, the process exits with an error.
    /// </summary>
    private async Task ServeAsync()
    {
        long failing = 0;
        var pause = new DoublingPause(_settings.RestartPause, _settings.MaxRestartPause);
        while (!_lifecycle.Taking.IsCancellationRequested)
        {
            try
            {
                await PrepareAsync(failing).ConfigureAwait(false);
                failing = 0;
                pause.Reset();
                CancellationToken serving = _lifecycle.Serving;
                await RunSlotsAsync(serving).ConfigureAwait(false);
                if (_settings.Drains && !_lifecycle.Taking.IsCancellationRequested && !serving.IsCancellationRequested)
                {
                    PlatformLog.WorkerEmptied(_logger, Id);
                    _isEmptied = true;
                    return;
                }
                continue;
            }
            catch (OperationCanceledException) when (_lifecycle.Taking.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                _lifecycle.Problem = exception.Message;
                PlatformLog.WorkerCannotStart(_logger, Id, exception.Message, exception);
            }
            _announcement.Withdraw();
            failing = failing == 0 ? Stopwatch.GetTimestamp() : failing;
            if (Stopwatch.GetElapsedTime(failing) + pause.Next >= _settings.StartTime)
            {
                PlatformLog.WorkerStartFailed(_logger, Id, _settings.StartTime.TotalSeconds, Problem);
                _end.Fail($"{Role.Name} cannot start: {Problem}");
                await EndProcessAsync().ConfigureAwait(false);
                return;
            }
            await pause.WaitAsync(_lifecycle.Taking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Stops the process after its start is complete, because cancelling the start would be another failure.</summary>
    private async Task EndProcessAsync()
    {
        try
        {
            await ProcessStartedAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The process is already stopped.
        }
        _process.StopApplication();
    }

    /// <summary>Runs the slots until all have ended, and takes up the models of the watched folder meanwhile.</summary>
    private async Task RunSlotsAsync(CancellationToken serving)
    {
        if (_settings.Drains)
        {
            await _models.SettleAsync().ConfigureAwait(false);
        }
        using var following = CancellationTokenSource.CreateLinkedTokenSource(_lifecycle.Taking, serving);
        Task follow = _models.FollowAsync(following.Token);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, _settings.Slots).Select(_ => _taker.RunSlotAsync(_queues))).ConfigureAwait(false);
        }
        finally
        {
            await following.CancelAsync().ConfigureAwait(false);
            await follow.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Loads and runs every model once, and announces the served models.</summary>
    /// <param name="failing">The timestamp since which starting fails; 0 when it does not.</param>
    private async Task PrepareAsync(long failing)
    {
        _lifecycle.Start();
        TimeSpan loadTime = await _models.StartAsync(failing).ConfigureAwait(false);
        await ProcessStartedAsync().ConfigureAwait(false);
        _lifecycle.SetReady(loadTime);
        await _announcement.PublishAsync().ConfigureAwait(false);
        string models = string.Join(", ", _models.Named);
        PlatformLog.WorkerReady(_logger, Id, models);
        _limit.CheckAtStart();
    }

    /// <summary>Waits until the process listens, because a gateway may call this worker as soon as it is announced as ready.</summary>
    private async Task ProcessStartedAsync()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationTokenRegistration registration = _process.ApplicationStarted.Register(started.SetResult);
        await using (registration.ConfigureAwait(false))
        {
            await started.Task.WaitAsync(_lifecycle.Taking).ConfigureAwait(false);
        }
    }
}
