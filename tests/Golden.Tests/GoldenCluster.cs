using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Testing.Nodes;

namespace Brownian.Golden.Tests;

/// <summary>A cluster with a real RabbitMQ and a real Redis that serves every model of the cases.</summary>
public sealed class GoldenCluster : IAsyncLifetime
{
    private readonly RealServers _servers = new();

    internal Node Node { get; private set; } = null!;

    /// <summary>A second gateway, which serves no model itself.</summary>
    internal Node Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        string models = Path.Combine(GoldenCase.Data, "models");
        string[] settings =
        [
            "ModelFolders:0=" + models,
            .. ((string[])[.. GoldenCase.AdapterFolders, models]).Select((folder, i) => $"AdapterFolders:{i}={folder}"),
            .. Directory.GetDirectories(models).Select((folder, i) => $"Models:{i}={Path.GetFileName(folder)}"),
            .. await _servers.SettingsAsync(),
            // Each door gives the same images to callers with credentials; other tests call without.
            .. Node.Secured, "ServiceToken=" + Node.ServiceToken,
        ];
        Node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, settings);
        Gateway = await Node.StartAsync(static platform => platform.AddGateway(), ServiceRole.Gateway, settings);
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Node.DisposeAsync();
        await _servers.DisposeAsync();
    }
}
