using Brownian.Hosting;
using Brownian.Testing.Processes;

namespace Brownian.Gateway.Tests.OpenApi;

/// <summary>A gateway, and a project of Node.js with a validator of OpenAPI documents.</summary>
public sealed class OpenApiNode() : NodeProject(Repository.Combine("tests", "Gateway.Tests", "OpenApi", "npm"))
{
    internal Node Node { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Node = await Node.StartAsync(platform => platform.AddGateway(), ServiceRole.Gateway, "Ephemeral=true");
    }

    public override async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        await base.DisposeAsync();
    }
}
