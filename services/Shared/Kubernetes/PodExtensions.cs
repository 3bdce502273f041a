using Brownian.Hosting;
using k8s;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Brownian.Kubernetes;

/// <summary>Adds what a process tells Kubernetes.</summary>
public static class PodExtensions
{
    /// <summary>
    /// Adds the deletion cost of the pod that <see cref="PlatformOptions.DeletionCostPod"/> names; does nothing where the setting is null.
    /// </summary>
    /// <param name="platform">The process.</param>
    /// <param name="running">Returns the number of stages and calls that the process runs.</param>
    /// <exception cref="FieldFaultException">The process is not in a pod with a service account's token.</exception>
    public static PlatformBuilder AddPodDeletionCost(this PlatformBuilder platform, Func<IServiceProvider, int> running)
    {
        if (platform.Options.DeletionCostPod is not { } pod)
        {
            return platform;
        }
        if (!KubernetesClientConfiguration.IsInCluster())
        {
            throw new FieldFaultException(
                new FieldFault(
                    PlatformOptions.Field(nameof(PlatformOptions.DeletionCostPod)),
                    $"is \"{pod}\"; allowed: only in a Kubernetes pod with the token of a service account, which may patch pods"));
        }
        var configuration = KubernetesClientConfiguration.InClusterConfig();
        configuration.HttpClientTimeout = PodDeletionCost.Interval;
        platform.Services.AddSingleton<IKubernetes>(_ => new k8s.Kubernetes(configuration));
        platform.Services.AddSingleton<IHostedService>(
            services => ActivatorUtilities.CreateInstance<PodDeletionCost>(
                services, configuration.Namespace, pod, TimeProvider.System, () => running(services)));
        return platform;
    }
}
