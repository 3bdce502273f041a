using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Brownian.Hosting;

/// <summary>Checks whether the process can serve now: its workers are warm, the store answers, the broker is connected.</summary>
/// <param name="store">The store, which is queried for a job that does not exist.</param>
/// <param name="queues">The broker.</param>
/// <param name="workers">The workers of this process.</param>
/// <param name="paths">Removes folders from file names, because health is public.</param>
public sealed class PlatformHealth(IJobStore store, IStageQueues queues, IEnumerable<IWorkerStatus> workers, ServerPaths paths) : IHealthCheck
{
    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var problems = new List<string>();
        foreach (IWorkerStatus worker in workers)
        {
            if (worker.Problem is { } problem)
            {
                problems.Add($"{worker.Role.Name} cannot start: {paths.Hide(problem)}");
            }
            else if (worker.State is not (WorkerState.Ready or WorkerState.Paused) || !worker.IsAnnounced)
            {
                problems.Add($"{worker.Role.Name} is {(worker.State == WorkerState.Draining ? "draining" : "starting")}");
            }
        }
        if (!queues.IsConnected)
        {
            problems.Add("the broker is unavailable");
        }
        try
        {
            await store.VersionAsync("health", cancellationToken).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException)
        {
            problems.Add("the store is unavailable");
        }
        return problems.Count == 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(string.Join("; ", problems));
    }
}
