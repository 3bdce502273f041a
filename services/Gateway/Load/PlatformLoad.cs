using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Facts;

namespace Brownian.Gateway.Load;

/// <summary>The platform's workers, pending work and measured times. Answers are a few seconds old, so that many callers cost few reads.</summary>
/// <param name="catalog">The catalogue of workers and measured times.</param>
/// <param name="jobs">The jobs.</param>
/// <param name="time">Measures the age of answers.</param>
/// <param name="store">The store whose fill is part of the load; null for none.</param>
public sealed class PlatformLoad(ICatalog catalog, IPendingWork jobs, TimeProvider time, IJobStore? store = null)
{
    private readonly Cached<StageCosts> _costs = new(catalog.CostsAsync, TimeSpan.FromSeconds(5), time);
    private readonly Cached<IReadOnlyList<ModelCard>> _models = new(catalog.ModelsAsync, TimeSpan.FromSeconds(5), time);
    private readonly Cached<IReadOnlyList<WorkerCard>> _workers = new(catalog.WorkersAsync, TimeSpan.FromSeconds(1), time);
    private readonly Cached<IReadOnlyList<PendingWork>> _work = new(jobs.WorkAsync, TimeSpan.FromSeconds(1), time);

    /// <summary>Returns the measured times, at most 5 s old.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    public Task<StageCosts> CostsAsync(CancellationToken cancellationToken) => _costs.GetAsync(cancellationToken);

    /// <summary>Returns the models and cascades, at most 5 s old.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    public Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken) => _models.GetAsync(cancellationToken);

    /// <summary>Returns the workers, at most 1 s old.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    public Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken) => _workers.GetAsync(cancellationToken);

    /// <summary>Returns the work that is left of all current stages, at most 1 s old.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    public Task<IReadOnlyList<PendingWork>> WorkAsync(CancellationToken cancellationToken) => _work.GetAsync(cancellationToken);

    /// <summary>Returns the load of the whole platform.</summary>
    /// <exception cref="PlatformUnavailableException">A server cannot be reached.</exception>
    public async Task<LoadSnapshot> SnapshotAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<WorkerCard> workers = await WorkersAsync(cancellationToken);
        IReadOnlyList<PendingWork> work = await WorkAsync(cancellationToken);
        StageCosts costs = await CostsAsync(cancellationToken);
        return new LoadSnapshot(Stages(work, workers, costs), workers, store is null ? 0 : await store.FillAsync(cancellationToken));
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
        workers.FirstOrDefault(worker => worker.Serves(shape))?.Provider
        ?? costs.ProvidersOf(shape).FirstOrDefault()
        ?? "cpu";
}
