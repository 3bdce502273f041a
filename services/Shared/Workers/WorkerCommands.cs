using Brownian.Jobs.Broadcasts;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>Pauses, resumes and drains a worker, on operators' commands or when its process ends.</summary>
internal sealed class WorkerCommands : IDisposable
{
    private readonly WorkerIdentity _identity;
    private readonly WorkerLifecycle _lifecycle;
    private readonly WorkerAnnouncement _announcement;
    private readonly WorkerSettings _settings;
    private readonly IHostApplicationLifetime _process;
    private readonly ILogger<StageWorker> _logger;
    private readonly IDisposable _subscription;

    /// <summary>Subscribes to commands.</summary>
    public WorkerCommands(
        WorkerIdentity identity, WorkerLifecycle lifecycle, WorkerAnnouncement announcement, IBroadcasts broadcasts, WorkerSettings settings,
        IHostApplicationLifetime process, ILogger<StageWorker> logger)
    {
        (_identity, _lifecycle, _announcement, _settings, _process, _logger) = (identity, lifecycle, announcement, settings, process, logger);
        _subscription = broadcasts.OnCommand(OnCommand);
    }

    /// <summary>Drains the worker permanently, and announces it.</summary>
    public async Task DrainAsync()
    {
        if (!_lifecycle.TryDrain())
        {
            return;
        }
        PlatformLog.WorkerDrains(_logger, _identity.Id);
        await _lifecycle.StopTakingAsync().ConfigureAwait(false);
        await _announcement.PublishAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _subscription.Dispose();

    private void OnCommand(WorkerCommand command)
    {
        if (command.Worker != _identity.Id)
        {
            return;
        }
        bool isChanged = false;
        switch (command.Action)
        {
            case WorkerAction.Pause:
                isChanged = _lifecycle.TryPause(WorkerState.Paused);
                break;
            case WorkerAction.Resume:
                isChanged = _lifecycle.TryResume();
                break;
            case WorkerAction.Drain when _settings.EndsProcess:
                _ = DrainAndStopAsync();
                break;
            case WorkerAction.Drain when _settings.Drains:
                // The process ends when all of its workers have left.
                _ = DrainAsync();
                break;
            case WorkerAction.Drain:
                // The other services of the process continue: running stages are handed back as in any drain, and the worker can be resumed.
                isChanged = _lifecycle.TryPause(WorkerState.Draining);
                if (isChanged)
                {
                    PlatformLog.WorkerDrains(_logger, _identity.Id);
                }
                break;
        }
        if (isChanged)
        {
            _ = _announcement.PublishAsync();
        }
    }

    private async Task DrainAndStopAsync()
    {
        await DrainAsync().ConfigureAwait(false);
        _process.StopApplication();
    }
}
