using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;

namespace Brownian.Gateway.Load;

/// <summary>Reads the platform's load for the metrics of this gateway.</summary>
/// <param name="load">The work, the workers and the measured times.</param>
/// <param name="store">The store, whose fill is reported.</param>
/// <param name="telemetry">Reports the load.</param>
public sealed class LoadReporter(PlatformLoad load, IJobStore store, PlatformTelemetry telemetry) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every);
        try
        {
            do
            {
                telemetry.Load = await TryReadAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The gateway stops.
        }
        telemetry.Load = null;
    }

    /// <summary>Returns null while a server cannot be reached: an old load would be taken for the current one.</summary>
    private async Task<LoadSnapshot?> TryReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            IReadOnlyList<WorkerCard> workers = await load.WorkersAsync(cancellationToken);
            IReadOnlyList<PendingWork> work = await load.WorkAsync(cancellationToken);
            StageCosts costs = await load.CostsAsync(cancellationToken);
            return new LoadSnapshot(Stages(work, workers, costs), workers, await store.FillAsync(cancellationToken));
        }
        catch (PlatformUnavailableException)
        {
            return null;
        }
    }

    /// <summary>Sums work by role, model, class and state, with zeros for the models that workers serve: an autoscaler needs a value.</summary>
    private static IReadOnlyList<LoadSnapshot.StageLoad> Stages(
        IReadOnlyList<PendingWork> work, IReadOnlyList<WorkerCard> workers, StageCosts costs)
    {
        IEnumerable<LoadSnapshot.StageLoad> idle =
            from worker in workers
            from model in worker.Models.Keys
            from priority in Enum.GetValues<JobPriority>()
            from isRunning in (bool[])[false, true]
            select new LoadSnapshot.StageLoad(worker.Role, model, priority, isRunning, 0, 0);
        return
        [
            .. work.Select(one => new LoadSnapshot.StageLoad(
                    WorkerRole.Of(one.Shape.Kind).Name, one.Shape.Model, one.Priority, one.IsRunning, one.Stages,
                    one.Units * costs.Expect(one.Shape, ProviderOf(one.Shape, workers, costs))))
                .Concat(idle)
                .GroupBy(one => (one.Role, one.Model, one.Priority, one.IsRunning))
                .Select(group => group.First() with { Count = group.Sum(one => one.Count), Seconds = group.Sum(one => one.Seconds) }),
        ];
    }

    /// <summary>Returns the kind of devices of the first worker that serves a stage; without one, a kind on which it was measured.</summary>
    private static string ProviderOf(StageShape shape, IReadOnlyList<WorkerCard> workers, StageCosts costs) =>
        workers.FirstOrDefault(worker => worker.Role == WorkerRole.Of(shape.Kind).Name
            && (shape.Model.Length == 0 || worker.Models.ContainsKey(shape.Model)))?.Provider
        ?? costs.ProvidersOf(shape).FirstOrDefault()
        ?? "cpu";
}
