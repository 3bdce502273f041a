using Microsoft.Extensions.Hosting;

namespace Brownian.AppHost;

/// <summary>Writes the gateway's addresses to standard output, once every service is ready.</summary>
/// <param name="model">The cluster.</param>
/// <param name="notifications">The states of the cluster's resources.</param>
internal sealed class ReadyAnnouncement(DistributedApplicationModel model, ResourceNotificationService notifications) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        ProjectResource[] services = [.. model.GetProjectResources()];
        await Task.WhenAll(services.Select(service => notifications.WaitForResourceHealthyAsync(service.Name, stoppingToken)));
        ProjectResource gateway = services.Single(service => service.Name == ClusterExtensions.Gateway);
        await Console.Out.WriteLineAsync(
            $"ready: gRPC {gateway.GetEndpoint(ClusterExtensions.Grpc).Url}, JSON {gateway.GetEndpoint(ClusterExtensions.Http).Url}");
    }
}
