using System.Net;
using Brownian.Jobs.Wire;
using Brownian.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Platform.Tests.Direct;

/// <summary>A worker's gRPC service that answers as a test says.</summary>
internal sealed class StageServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _calls;

    private StageServer(WebApplication app) => _app = app;

    public delegate Task Answer(RunStageRequest request, IServerStreamWriter<StageEvent> events, CancellationToken cancellationToken);

    /// <summary>Where it listens.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>How it answers: by default with one warning.</summary>
    public Answer OnRun { get; set; } = (_, events, stop) => events.WriteAsync(new StageEvent { Warning = "done" }, stop);

    /// <summary>Calls that reached it.</summary>
    public int Calls => Volatile.Read(ref _calls);

    public static async Task<StageServer> StartAsync(int port = 0)
    {
        WebApplicationBuilder web = WebApplication.CreateSlimBuilder();
        web.Logging.ClearProviders();
        web.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2);
        });
        web.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = StageCodec.MaxMessageBytes);
        web.Services.AddSingleton<Service>();
        WebApplication app = web.Build();
        app.MapGrpcService<Service>();
        var server = new StageServer(app);
        app.Services.GetRequiredService<Service>().Server = server;
        await app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>Ends it with its connections.</summary>
    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private sealed class Service : Stages.StagesBase
    {
        public StageServer Server { get; set; } = null!;

        public override Task Run(RunStageRequest request, IServerStreamWriter<StageEvent> responseStream, ServerCallContext context)
        {
            Interlocked.Increment(ref Server._calls);
            return Server.OnRun(request, responseStream, context.CancellationToken);
        }
    }
}
