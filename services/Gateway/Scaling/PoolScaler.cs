using System.Collections.Concurrent;
using Brownian.Gateway.Load;
using Brownian.Jobs;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.Models.Facts;

namespace Brownian.Gateway.Scaling;

/// <summary>
/// Computes how many replicas pools of workers need, from the work of all stages that wait or run and the measured times of stages.
/// </summary>
/// <param name="load">The work, the workers and the measured times.</param>
/// <param name="time">The time of observations.</param>
public sealed class PoolScaler(PlatformLoad load, TimeProvider time)
{
    /// <summary>Above this number, pools that were not asked for <see cref="KeepTime"/> are forgotten, and others are refused.</summary>
    private const int MaxPools = 1000;

    /// <summary>KEDA asks for a pool at least every few minutes.</summary>
    private static readonly TimeSpan KeepTime = TimeSpan.FromMinutes(10);

    private readonly long _start = time.GetTimestamp();

    private readonly ConcurrentDictionary<string, PoolHistory> _pools = new(StringComparer.Ordinal);

    /// <summary>Returns whether a pool needs a replica at all.</summary>
    /// <param name="name">The name of the pool, under which its history is kept.</param>
    /// <param name="pool">The pool.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="PlatformUnavailableException">The work cannot be read.</exception>
    /// <exception cref="AdmissionException">Too many other pools were asked for.</exception>
    public async Task<bool> IsActiveAsync(string name, ScaledPool pool, CancellationToken cancellationToken) =>
        (await ObserveAsync(name, pool, cancellationToken)).IsActive(pool);

    /// <summary>Returns the metric of a pool, which divided by <see cref="ScaledPool.TargetSeconds"/> gives its replicas.</summary>
    /// <inheritdoc cref="IsActiveAsync"/>
    public async Task<double> MetricAsync(string name, ScaledPool pool, CancellationToken cancellationToken) =>
        (await ObserveAsync(name, pool, cancellationToken)).Metric(pool);

    /// <summary>Names the models of a pool's cascades: stages and workers have those.</summary>
    private async Task<ScaledPool> ExpandAsync(ScaledPool pool, CancellationToken cancellationToken)
    {
        IReadOnlyList<ModelCard> cards = pool.Models.Count == 0 ? [] : await load.ModelsAsync(cancellationToken);
        return pool with
        {
            Models =
            [
                .. pool.Models.SelectMany(
                    model => cards.FirstOrDefault(card => card.Name == model)?.Stages?.Select(stage => stage.Model) ?? [model]).Distinct(),
            ],
        };
    }

    private async Task<PoolHistory> ObserveAsync(string name, ScaledPool pool, CancellationToken cancellationToken)
    {
        pool = await ExpandAsync(pool, cancellationToken);
        StageCosts costs = await load.CostsAsync(cancellationToken);
        double seconds = 0, stages = 0;
        foreach (PendingWork work in (await load.WorkAsync(cancellationToken)).Where(pool.Serves))
        {
            seconds += work.Units * costs.Expect(work.Shape, pool.Provider);
            stages += work.IsRunning ? work.Stages : 0;
        }
        double[] loads = [.. (await load.WorkersAsync(cancellationToken)).Where(pool.Has).Select(worker => worker.LoadSeconds).OfType<double>()];
        // Not the time of day, which can jump back.
        TimeSpan now = time.GetElapsedTime(_start);
        if (!_pools.ContainsKey(name) && _pools.Count >= MaxPools)
        {
            foreach (KeyValuePair<string, PoolHistory> known in _pools.Where(known => now - known.Value.Seen > KeepTime))
            {
                _pools.TryRemove(known);
            }
            if (_pools.Count >= MaxPools)
            {
                throw new AdmissionException($"{MaxPools} other pools were asked for in the last {KeepTime.TotalMinutes} minutes");
            }
        }
        PoolHistory history = _pools.GetOrAdd(name, _ => new PoolHistory());
        history.Observe(
            now, seconds * pool.Share / pool.Slots, stages * pool.Share / pool.Slots,
            loads.Length > 0 ? StageCosts.Median(loads) : null);
        return history;
    }
}
