using System.Collections.Frozen;
using Brownian.Hosting;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Broadcasts;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Stages;
using Brownian.Workers.Devices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers;

/// <summary>Assembles workers from the parts that each of them has for itself and those that all of them share.</summary>
/// <param name="store">Stores jobs.</param>
/// <param name="queues">The queues of stages.</param>
/// <param name="blobs">Stores values between stages.</param>
/// <param name="artifacts">Stores images.</param>
/// <param name="catalog">The catalogue of workers and models.</param>
/// <param name="broadcasts">Receives operators' commands.</param>
/// <param name="policy">The time and retry limits of jobs.</param>
/// <param name="settings">The settings of workers.</param>
/// <param name="watched">The folder whose models are served, too.</param>
/// <param name="memory">The memory of the process.</param>
/// <param name="telemetry">Measures stages.</param>
/// <param name="paths">Removes folders from messages for clients.</param>
/// <param name="workers">The workers of the process.</param>
/// <param name="process">The process.</param>
/// <param name="end">The exit code of the process.</param>
/// <param name="logger">The logger of workers.</param>
public sealed class StageWorkerFactory(
    IJobStore store, IStageQueues queues, IBlobStore blobs, IArtifactStore artifacts, ICatalog catalog, IBroadcasts broadcasts, JobPolicy policy,
    WorkerSettings settings, WatchedFolder watched, IProcessMemory memory, PlatformTelemetry telemetry, ServerPaths paths, ProcessWorkers workers,
    IHostApplicationLifetime process, ProcessEnd end, ILogger<StageWorker> logger)
{
    /// <summary>Creates a worker, which its host starts.</summary>
    /// <param name="role">The worker's role.</param>
    /// <param name="device">The device that it runs stages on.</param>
    public StageWorker Create(WorkerRole role, DeviceEngines device)
    {
        workers.Add();
        WorkerSettings own = settings with { Device = device.Device };
        FrozenDictionary<string, IStageRunner> runners =
            device.Runners.Where(runner => role.Kinds.Contains(runner.Key)).ToFrozenDictionary(runner => runner.Key, runner => runner.Value);
        var identity = WorkerIdentity.Create(role, own.Provider);
        var lifecycle = new WorkerLifecycle();
        var times = new StageTimes();
        var announcement = new WorkerAnnouncement(identity, lifecycle, catalog, store, device.Local, times, own, logger);
        var commands = new WorkerCommands(identity, lifecycle, announcement, broadcasts, own, process, logger);
        var limit = new ResidentLimit(identity, lifecycle, commands, memory, own, logger);
        var room = new SlotRoom(own);
        var contexts = new JobContexts(lifecycle, store, blobs, artifacts, policy, own);
        var execution = new StageExecution(identity, lifecycle, contexts, runners, room, policy, telemetry, times, paths, logger);
        var queued = new ServedQueues(store, own.MaxWait);
        string[] kinds = [.. runners.Keys];
        var models = new WorkerModels(identity, lifecycle, announcement, queued, device.Local, watched, kinds, own, logger);
        var taker = new StageTaker(identity, lifecycle, execution, limit, store, queues, blobs, policy, own, telemetry, process, logger);
        return new StageWorker(
            identity, lifecycle, announcement, commands, limit, room, taker, queued, models, own, workers, process, end, logger);
    }
}
