using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;

namespace Brownian.Gateway.Load;

/// <summary>The platform's workers, pending work and measured times. Answers are a few seconds old, so that many callers cost few reads.</summary>
/// <param name="catalog">The catalogue of workers and measured times.</param>
/// <param name="jobs">The jobs.</param>
/// <param name="time">Measures the age of answers.</param>
public sealed class PlatformLoad(ICatalog catalog, IPendingWork jobs, TimeProvider time)
{
    private readonly Cached<StageCosts> _costs = new(catalog.CostsAsync, TimeSpan.FromSeconds(5), time);
    private readonly Cached<IReadOnlyList<WorkerCard>> _workers = new(catalog.WorkersAsync, TimeSpan.FromSeconds(1), time);
    private readonly Cached<IReadOnlyList<PendingWork>> _work = new(jobs.WorkAsync, TimeSpan.FromSeconds(1), time);

    /// <summary>Returns the measured times, at most 5 s old.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    public Task<StageCosts> CostsAsync(CancellationToken cancellationToken) => _costs.GetAsync(cancellationToken);

    /// <summary>Returns the workers, at most 1 s old.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    public Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken) => _workers.GetAsync(cancellationToken);

    /// <summary>Returns the work that is left of all current stages, at most 1 s old.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    public Task<IReadOnlyList<PendingWork>> WorkAsync(CancellationToken cancellationToken) => _work.GetAsync(cancellationToken);
}
