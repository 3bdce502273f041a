using Brownian.Jobs.Telemetry;
using k8s;
using k8s.Autorest;
using k8s.Models;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Kubernetes;

/// <summary>
/// Keeps the annotation <c>controller.kubernetes.io/pod-deletion-cost</c> of this process's pod equal to the number of stages and calls that the
/// process runs. When a Deployment loses replicas, Kubernetes removes the pods with the lowest costs first: the idle ones.
/// Source: Kubernetes, ReplicaSet, pod deletion cost; it warns of frequent changes, which load its API server.
/// </summary>
/// <param name="api">The API server.</param>
/// <param name="place">The namespace of the pod.</param>
/// <param name="pod">The name of the pod.</param>
/// <param name="running">Returns the number of running stages and calls.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Logs outages of the API server.</param>
internal sealed class PodDeletionCost(
    IKubernetes api, string place, string pod, Func<int> running, TimeProvider time, ILogger<PodDeletionCost> logger) : BackgroundService
{
    /// <summary>The annotation's name.</summary>
    public const string Annotation = "controller.kubernetes.io/pod-deletion-cost";

    /// <summary>The least time between two changes, and the time limit of the API server for each.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The first value is always written: a container that restarts in its pod finds what the one before it wrote.
        int? written = null;
        bool isReachable = true;
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            int cost = running();
            if (cost == written)
            {
                continue;
            }
            try
            {
                await WriteAsync(cost, stoppingToken).ConfigureAwait(false);
                (written, isReachable) = (cost, true);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever the API server does: the worker does not end because of an annotation.
                if (isReachable)
                {
                    PlatformLog.Unavailable(logger, $"the annotation of pod {place}/{pod}", Reason(exception));
                }
                isReachable = false;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    private async Task WriteAsync(int cost, CancellationToken cancellationToken)
    {
        var annotations = new Dictionary<string, string>(StringComparer.Ordinal) { [Annotation] = cost.ToString(CultureInfo.InvariantCulture) };
        var patch = new V1Patch(new { metadata = new { annotations } }, V1Patch.PatchType.MergePatch);
        await api.CoreV1.PatchNamespacedPodAsync(patch, pod, place, cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    private static string Reason(Exception exception) => exception switch
    {
        HttpOperationException refused => $"the API server answered {(int)refused.Response.StatusCode}: {refused.Response.Content}",
        OperationCanceledException => $"the API server did not answer in {Interval.TotalSeconds} s",
        _ => exception.Message,
    };
}
