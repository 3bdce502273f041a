using Brownian.ExternalScaling;
using Brownian.Gateway.Load;
using Brownian.Gateway.Scaling;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.InProcess;
using Brownian.Jobs.Records;
using Grpc.Net.Client;

namespace Brownian.Scaling.Tests.Simulation;

/// <summary>The gateway's scaler, asked over gRPC in the way of KEDA. Its work is that of a simulated pool.</summary>
internal sealed class GrpcPoolScaler : IPoolScaler, IPendingWork, IAsyncDisposable
{
    private const string Token = "the-readers-of-metrics";

    private readonly SimulatedTime _time = new();
    private readonly MemoryCatalog _catalog = new();
    private readonly ScaledObjectRef _pool = new() { Name = "denoiser", Namespace = "images" };
    private GrpcServer _server = null!;
    private GrpcChannel _channel = null!;
    private ExternalScaler.ExternalScalerClient _client = null!;

    private GrpcPoolScaler()
    {
    }

    /// <summary>The pool whose work is scaled for.</summary>
    public SimulatedPool? Pool { get; set; }

    /// <summary>Starts the scaler.</summary>
    /// <param name="shapes">The shapes whose times workers have measured.</param>
    /// <param name="rules">The rules, of which the pool's target and load time are the scaler's.</param>
    public static async Task<GrpcPoolScaler> StartAsync(IEnumerable<WorkShape> shapes, ScalingRules rules)
    {
        var scaler = new GrpcPoolScaler();
        await scaler._catalog.PublishAsync(
            [.. shapes.Select(shape => new CostSample(SimulatedPool.ShapeOf(shape), "cuda", shape.UnitSeconds))],
            TestContext.Current.CancellationToken);
        await scaler._catalog.PublishAsync(
            new WorkerCard
            {
                Id = "worker",
                Role = "denoiser",
                Provider = "cuda",
                Models = new Dictionary<string, string> { ["model"] = "files" },
                LoadSeconds = rules.LoadSeconds,
            },
            TestContext.Current.CancellationToken);
        var service = new ExternalScalerService(
            new PoolScaler(new PlatformLoad(scaler._catalog, scaler, scaler._time), scaler._time), scaler._time, new NeverStops(),
            new Hosting.OperatorAccess(new Hosting.PlatformOptions { MetricsToken = Token }, null));
        scaler._server = await GrpcServer.StartAsync(service);
        scaler._channel = GrpcChannel.ForAddress(scaler._server.Address);
        scaler._client = new ExternalScaler.ExternalScalerClient(scaler._channel);
        scaler._pool.ScalerMetadata.Add(
            new Dictionary<string, string>
            {
                ["tokenFromEnv"] = Token,
                ["role"] = "denoiser",
                ["models"] = "model",
                ["provider"] = "cuda",
                ["targetSeconds"] = rules.TargetSeconds.ToString(CultureInfo.InvariantCulture),
            });
        return scaler;
    }

    public void SetTime(int seconds) => _time.Seconds = seconds;

    public async Task<bool> IsActiveAsync() => (await _client.IsActiveAsync(_pool)).Result;

    public async Task<double> MetricAsync()
    {
        string metric = (await _client.GetMetricSpecAsync(_pool)).MetricSpecs.Single().MetricName;
        GetMetricsResponse response = await _client.GetMetricsAsync(new GetMetricsRequest { ScaledObjectRef = _pool, MetricName = metric });
        return response.MetricValues.Single().MetricValueFloat;
    }

    public Task<IReadOnlyList<PendingWork>> WorkAsync(CancellationToken cancellationToken) => Task.FromResult(Pool?.Work ?? []);

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _server.DisposeAsync();
    }
}
