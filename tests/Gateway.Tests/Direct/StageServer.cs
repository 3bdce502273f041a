using Brownian.Jobs.Wire;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Gateway.Tests.Direct;

/// <summary>A worker's gRPC service with scripted answers.</summary>
internal sealed class StageServer : IAsyncDisposable
{
    private readonly Service _service = new();
    private GrpcServer _server = null!;

    public delegate Task Answer(RunStageRequest request, IServerStreamWriter<StageEvent> events, CancellationToken cancellationToken);

    /// <summary>The address that it listens on.</summary>
    public string Address => _server.Address;

    /// <summary>The answer to a call: by default one warning.</summary>
    public Answer OnRun
    {
        get => _service.OnRun;
        set => _service.OnRun = value;
    }

    /// <summary>The calls that reached it.</summary>
    public int Calls => _service.Calls;

    public static async Task<StageServer> StartAsync(int port = 0)
    {
        var server = new StageServer();
        server._server = await GrpcServer.StartAsync(server._service, port, StageCodec.MaxMessageBytes);
        return server;
    }

    /// <summary>Stops it without waiting for its calls: their connections break.</summary>
    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private sealed class Service : Stages.StagesBase
    {
        private int _calls;

        public Answer OnRun { get; set; } = (_, events, stop) => events.WriteAsync(new StageEvent { Warning = "done" }, stop);

        public int Calls => Volatile.Read(ref _calls);

        public override Task Run(RunStageRequest request, IServerStreamWriter<StageEvent> responseStream, ServerCallContext context)
        {
            Interlocked.Increment(ref _calls);
            return OnRun(request, responseStream, context.CancellationToken);
        }
    }
}
