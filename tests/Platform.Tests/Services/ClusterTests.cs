using Brownian.Hosting;

namespace Brownian.Platform.Tests.Services;

/// <summary>Over the real RabbitMQ and the real Redis.</summary>
public sealed class ClusterTests(RealServers servers) : ServiceContract
{
    private protected override async Task<Node> StartNodeAsync(string[] settings) => await Node.StartAsync(
        Node.Everything, ServiceRole.Gateway, [.. settings, .. await servers.SettingsAsync()]);
}
