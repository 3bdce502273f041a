using Brownian.Hosting;

namespace Brownian.Platform.Tests.Services;

/// <summary>Everything in one process, in memory.</summary>
public sealed class EphemeralTests : ServiceContract
{
    private protected override Task<Node> StartNodeAsync(string[] settings) =>
        Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. settings, "Ephemeral=true"]);
}
