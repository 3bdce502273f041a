using Brownian.Jobs.Catalog;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>Drains a worker whose process holds more memory than it may; the slot that meets it ends the process once its job is handed on.</summary>
/// <param name="identity">Which worker it is.</param>
/// <param name="lifecycle">How it is.</param>
/// <param name="commands">Drains it.</param>
/// <param name="memory">What the process holds.</param>
/// <param name="settings">The limit.</param>
/// <param name="logger">Where it is told.</param>
internal sealed class ResidentLimit(
    WorkerIdentity identity, WorkerLifecycle lifecycle, WorkerCommands commands, IProcessMemory memory, WorkerSettings settings,
    ILogger<StageWorker> logger)
{
    private int _leaves;

    /// <summary>Whether the worker drains because of the limit.</summary>
    public bool IsLeaving => Volatile.Read(ref _leaves) != 0;

    /// <summary>Warns where the process is above the limit before any stage ran.</summary>
    public void CheckAtStart()
    {
        if (ResidentAbove() is { } resident)
        {
            PlatformLog.LimitTooLow(logger, identity.Id, resident >> 20, settings.ResidentLimit >> 20);
        }
    }

    /// <summary>Drains the worker where the process holds too much after a stage.</summary>
    public async Task LeaveAboveAsync()
    {
        // A pause is this worker's alone: the one that comes after it would not know of it.
        if (lifecycle.State == WorkerState.Ready && ResidentAbove() is { } resident && Interlocked.Exchange(ref _leaves, 1) == 0)
        {
            PlatformLog.WorkerLeaves(logger, identity.Id, resident >> 20, settings.ResidentLimit >> 20);
            await commands.DrainAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Resident bytes where they stay above the limit when unused memory was given back; null where they do not.</summary>
    private long? ResidentAbove()
    {
        if (!settings.EndsProcess || settings.ResidentLimit == 0 || memory.Resident <= settings.ResidentLimit)
        {
            return null;
        }
        memory.Trim();
        return memory.Resident is var resident && resident > settings.ResidentLimit ? resident : null;
    }
}
