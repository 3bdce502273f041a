using Microsoft.Extensions.Hosting;

namespace Brownian.AppHost;

/// <summary>Says on standard output where the gateway listens, once every service is ready.</summary>
/// <param name="model">The cluster.</param>
/// <param name="notifications">What becomes of its parts.</param>
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
