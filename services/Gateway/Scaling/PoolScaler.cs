using System.Collections.Concurrent;
using Brownian.Gateway.Load;
using Brownian.Jobs;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;

namespace Brownian.Gateway.Scaling;

/// <summary>
/// Computes how many replicas pools of workers need, from the work of all stages that wait or run and the measured times of stages.
/// </summary>
/// <param name="load">The work, the workers and the measured times.</param>
/// <param name="time">The time of observations.</param>
public sealed class PoolScaler(PlatformLoad load, TimeProvider time)
{
    /// <summary>Above this number, the pool that was not asked for the longest time is forgotten.</summary>
    private const int MaxPools = 1000;

    private readonly ConcurrentDictionary<string, PoolHistory> _pools = new(StringComparer.Ordinal);

    /// <summary>Returns whether a pool needs a replica at all.</summary>
    /// <param name="name">The name of the pool, under which its history is kept.</param>
    /// <param name="pool">The pool.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="PlatformUnavailableException">The work cannot be read.</exception>
    public async Task<bool> IsActiveAsync(string name, ScaledPool pool, CancellationToken cancellationToken) =>
        (await ObserveAsync(name, pool, cancellationToken)).IsActive(pool);

    /// <summary>Returns the metric of a pool, which divided by <see cref="ScaledPool.TargetSeconds"/> gives its replicas.</summary>
    /// <inheritdoc cref="IsActiveAsync"/>
    public async Task<double> MetricAsync(string name, ScaledPool pool, CancellationToken cancellationToken) =>
        (await ObserveAsync(name, pool, cancellationToken)).Metric(pool);

    private async Task<PoolHistory> ObserveAsync(string name, ScaledPool pool, CancellationToken cancellationToken)
    {
        StageCosts costs = await load.CostsAsync(cancellationToken);
        double seconds = 0, stages = 0;
        foreach (PendingWork work in (await load.WorkAsync(cancellationToken)).Where(pool.Serves))
        {
            seconds += work.Units * costs.Expect(work.Shape, pool.Provider);
            stages += work.IsRunning ? work.Stages : 0;
        }
        double[] loads = [.. (await load.WorkersAsync(cancellationToken)).Where(pool.Has).Select(worker => worker.LoadSeconds).OfType<double>()];
        PoolHistory history = _pools.GetOrAdd(name, _ => new PoolHistory());
        history.Observe(
            time.GetUtcNow(), seconds * pool.Share / pool.Slots, stages * pool.Share / pool.Slots,
            loads.Length > 0 ? StageCosts.Median(loads) : null);
        if (_pools.Count > MaxPools)
        {
            _pools.TryRemove(_pools.Where(known => known.Key != name).MinBy(known => known.Value.Seen));
        }
        return history;
    }
}
