using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Testing.Nodes;

/// <summary>A gRPC server on loopback with services that a test provides, and nothing else of the platform.</summary>
internal sealed class GrpcServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GrpcServer(WebApplication app) => _app = app;

    /// <summary>The address that it listens on.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>Starts a server with one service.</summary>
    /// <param name="service">The service, used by every call.</param>
    /// <param name="port">The port; 0 for a free one.</param>
    /// <param name="maxMessageBytes">The size of the largest message that it receives; null for gRPC's default.</param>
    public static async Task<GrpcServer> StartAsync<TService>(TService service, int port = 0, int? maxMessageBytes = null)
        where TService : class
    {
        WebApplicationBuilder web = WebApplication.CreateSlimBuilder();
        web.Logging.ClearProviders();
        web.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2);
        });
        web.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = maxMessageBytes ?? grpc.MaxReceiveMessageSize);
        web.Services.AddSingleton(service);
        WebApplication app = web.Build();
        app.MapGrpcService<TService>();
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new GrpcServer(app);
    }

    /// <summary>Stops it without waiting for its calls: their connections break.</summary>
    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
