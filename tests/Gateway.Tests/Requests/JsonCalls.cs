using Brownian.Hosting;

namespace Brownian.Gateway.Tests.Requests;

/// <summary>A process with everything in it and a model without weights, which tests call in JSON.</summary>
public abstract class JsonCalls : IAsyncLifetime
{
    private readonly Stubs _stubs = new();

    private protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>The model's name.</summary>
    private protected string Model { get; private set; } = "";

    private protected Node Node { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Model = _stubs.Add();
        Node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(Model), "Ephemeral=true"]);
    }

    public async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        _stubs.Dispose();
        GC.SuppressFinalize(this);
    }
}
