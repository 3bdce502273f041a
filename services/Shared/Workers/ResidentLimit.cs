using Brownian.Jobs.Catalog;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>
/// Drains a worker whose process exceeds its memory limit; the slot that detects it stops the process after its job's next message is sent.
/// </summary>
/// <param name="identity">The worker's identity.</param>
/// <param name="lifecycle">The worker's state.</param>
/// <param name="commands">Drains it.</param>
/// <param name="memory">The memory of the process.</param>
/// <param name="settings">The limit.</param>
/// <param name="logger">Logs the drain.</param>
internal sealed class ResidentLimit(
    WorkerIdentity identity, WorkerLifecycle lifecycle, WorkerCommands commands, IProcessMemory memory, WorkerSettings settings,
    ILogger<StageWorker> logger)
{
    private int _leaves;

    /// <summary>Whether the worker drains because of the limit.</summary>
    public bool IsLeaving => Volatile.Read(ref _leaves) != 0;

    /// <summary>Logs a warning when the process exceeds the limit before any stage ran.</summary>
    public void CheckAtStart()
    {
        if (ResidentAbove() is { } resident)
        {
            PlatformLog.MemoryLimitTooLow(logger, identity.Id, resident >> 20, settings.ResidentLimit >> 20);
        }
    }

    /// <summary>Drains the worker when the process exceeds the limit after a stage.</summary>
    public async Task LeaveAboveAsync()
    {
        // A paused worker does not leave, because a pause applies to this worker only and would not carry over to the one that replaces it.
        if (lifecycle.State == WorkerState.Ready && ResidentAbove() is { } resident && Interlocked.Exchange(ref _leaves, 1) == 0)
        {
            PlatformLog.MemoryLimitExceeded(logger, identity.Id, resident >> 20, settings.ResidentLimit >> 20);
            await commands.DrainAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Returns the resident bytes when they exceed the limit even after unused memory is released; otherwise null.</summary>
    private long? ResidentAbove()
    {
        if (settings.ResidentLimit == 0 || memory.Resident <= settings.ResidentLimit)
        {
            return null;
        }
        memory.Trim();
        return memory.Resident is var resident && resident > settings.ResidentLimit ? resident : null;
    }
}
