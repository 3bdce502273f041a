using Brownian.Hosting;

namespace Brownian.Platform.Tests.Services;

/// <summary>Everything in one process with a data folder, which requires credentials.</summary>
public sealed class SecuredTests : ServiceContract
{
    private readonly TemporaryFolder _data = new();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _data.Dispose();
    }

    private protected override Task<Node> StartNodeAsync(string[] settings) =>
        Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. settings, "DataFolder=" + _data.FullPath, .. Node.Secured]);
}
