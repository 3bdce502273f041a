using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Telemetry;
using Brownian.Testing.Processes;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using StackExchange.Redis;

namespace Brownian.Observability.Tests;

/// <summary>Prometheus on a real cluster under load.</summary>
public sealed class LiveTests : IAsyncLifetime
{
    /// <summary>The time after which jobs fail: long enough for a submission on a busy machine.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(1);

    private readonly Stubs _stubs = new();
    private readonly List<string> _fired = [];
    private RedisServer _redis = null!;
    private RabbitMqServer _rabbitMq = null!;
    private PrometheusServer _prometheus = null!;
    private Node _gateway = null!;
    private Node _workers = null!;
    private string _model = "";
    private string _unmeasured = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_expression_has_data_under_load_and_every_alert_fires_by_what_it_warns_of()
    {
        AddGpu();
        using (var load = new CancellationTokenSource())
        {
            Task loading = LoadAsync(load.Token);
            foreach ((string name, string expression) in Expressions.OfRules.Select(rule => (rule.Key, rule.Value))
                .Concat(Expressions.Dashboards.SelectMany(file => Expressions.OfPanels(file, PrometheusServer.Range))))
            {
                await Eventually.TrueAsync(() => _prometheus.HasDataAsync(expression), $"{name} has data: {expression}");
            }
            Assert.Empty(await _prometheus.FiringAsync());
            await load.CancelAsync();
            await loading;
        }

        // A worker dies at its stage.
        ServiceProcess worker = await ServiceProcess.StartAsync("denoiser", [.. Settings(_model), "LeaseSeconds=2"]);
        await PauseAsync("denoiser", except: worker);
        string running = await SubmitAsync(_model, steps: 900);
        await Eventually.TrueAsync(async () => (await GetAsync(running)).Progress is not null, "the worker runs the stage");
        worker.Kill();
        await worker.DisposeAsync();
        await FiresAsync("BrownianWorkersDie");

        // Ten stages wait for a model that no worker has measured, and no denoiser takes any of them.
        string[] waiting = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => SubmitAsync(_unmeasured, steps: 900)));
        await FiresAsync("BrownianNoWorker");
        await FiresAsync("BrownianBacklog");

        // The broker loses their messages.
        await PurgeAsync(new StageQueue("denoise", _unmeasured, JobPriority.Standard).Name);
        await FiresAsync("BrownianMessagesLost");

        // Jobs that no denoiser takes fail at their deadline.
        for (int i = 0; !(await _prometheus.FiringAsync()).Contains("BrownianJobsFail"); i++)
        {
            foreach (string late in await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => SubmitAsync(_unmeasured, steps: 1, Late))))
            {
                await Eventually.TrueAsync(async () => (await GetAsync(late)).State == JobState.Failed, "the job has failed");
            }
            Assert.InRange(i, 0, 60);
        }
        await FiresAsync("BrownianJobsFail");

        await using (ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(_redis.Configuration + ",allowAdmin=true"))
        {
            // Much of another program's data, beside which the changes of the platform's own do not matter.
            await redis.GetDatabase().StringSetRangeAsync("another-program", 32 << 20, "end");
            await FillAsync(redis, 0.82);
            await FiresAsync("BrownianStoreFilling");
            await FillAsync(redis, 0.9);
            // The gateway reads the fill once a second.
            await Eventually.TrueAsync(
                async () =>
                {
                    try
                    {
                        await SubmitAsync(_model, steps: 1);
                        return false;
                    }
                    catch (RpcException refusal) when (refusal.StatusCode == StatusCode.ResourceExhausted)
                    {
                        return true;
                    }
                },
                "a job is refused");
            await FiresAsync("BrownianJobsRefused");
            await FillAsync(redis, 0.1);
        }
        foreach (string id in waiting.Append(running))
        {
            await _gateway.Client.Generation.CancelAsync(new CancelJobRequest { Id = id }, cancellationToken: Stop);
        }

        await _workers.StopAsync();
        await _redis.StopAsync();
        await FiresAsync("BrownianStoreUnreachable");

        await _gateway.StopAsync();
        await FiresAsync("BrownianNoGateway");
        Assert.Equal(Expressions.Alerts.Order(StringComparer.Ordinal), _fired.Order(StringComparer.Ordinal));
    }

    public async ValueTask InitializeAsync()
    {
        (_model, _unmeasured) = (_stubs.Add(turns: 100_000), _stubs.Add());
        Task<RedisServer> redis = RedisServer.StartAsync(Stop);
        _rabbitMq = await RabbitMqServer.StartAsync(Stop);
        _redis = await redis;
        _gateway = await Node.StartAsync(static platform => platform.AddGateway(), ServiceRole.Gateway, Settings());
        _workers = await Node.StartAsync(Node.Workers, ServiceRole.Denoiser, Settings(_model, _unmeasured));
        _prometheus = await PrometheusServer.StartAsync(new Dictionary<string, string>
        {
            ["brownian-gateway"] = _gateway.Operators.BaseAddress!.Authority,
            ["brownian-denoiser"] = _workers.Operators.BaseAddress!.Authority,
        });
        // Both models have been published: the gateway accepts jobs for them.
        await SubmitAsync(_model, steps: 1);
    }

    public async ValueTask DisposeAsync()
    {
        await _prometheus.DisposeAsync();
        await _workers.DisposeAsync();
        await _gateway.DisposeAsync();
        await _rabbitMq.DisposeAsync();
        await _redis.DisposeAsync();
        _stubs.Dispose();
    }

    private string[] Settings(params string[] models) =>
        [.. _stubs.Settings(models), $"RabbitMq={_rabbitMq.Uri}", $"Redis={_redis.Configuration}", "AnswerSeconds=60"];

    /// <summary>Adds a GPU to the devices of the workers, for the panels that only a GPU fills.</summary>
    private void AddGpu()
    {
        PlatformTelemetry telemetry = _workers.Services.GetRequiredService<PlatformTelemetry>();
        Func<IReadOnlyList<DeviceMemory>> real = telemetry.Devices!;
        Assert.All(real(), device => Assert.InRange(device.Loaded, 1, device.Limit));
        telemetry.Devices = () => [.. real(), new DeviceMemory("cuda:1", 1, 2, 60L << 30, 139L << 30)];
    }

    private async Task FiresAsync(string alert)
    {
        await Eventually.TrueAsync(async () => (await _prometheus.FiringAsync()).Contains(alert), $"{alert} fires");
        _fired.Add(alert);
    }

    /// <summary>Submits jobs, one after the other, until it is stopped.</summary>
    private async Task LoadAsync(CancellationToken enough)
    {
        while (!enough.IsCancellationRequested)
        {
            string id = await SubmitAsync(_model, steps: 4);
            await Eventually.TrueAsync(async () => (await GetAsync(id)).State == JobState.Done, "a job of the load is done");
        }
    }

    private async Task<string> SubmitAsync(string model, int steps, TimeSpan? deadline = null)
    {
        GenerateRequest request = Stubs.Request(model, 1, steps);
        request.Deadline = deadline is { } time ? Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow + time) : null;
        return (await _gateway.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
    }

    private async Task<Job> GetAsync(string id) => await _gateway.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);

    /// <summary>Pauses the workers of a role that are not of a process.</summary>
    private async Task PauseAsync(string role, ServiceProcess except)
    {
        string own = string.Create(CultureInfo.InvariantCulture, $"-{Environment.ProcessId}-");
        Assert.DoesNotContain(Environment.ProcessId, except.FindProcessIds());
        foreach (Worker worker in (await _gateway.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Workers)
        {
            if (worker.Role == role && worker.Id.Contains(own, StringComparison.Ordinal))
            {
                await _gateway.Client.Workers.PauseAsync(new WorkerRequest { Id = worker.Id }, cancellationToken: Stop);
            }
        }
    }

    private async Task PurgeAsync(string queue)
    {
        var factory = new ConnectionFactory { Uri = _rabbitMq.Uri };
        await using IConnection connection = await factory.CreateConnectionAsync(Stop);
        await using IChannel channel = await connection.CreateChannelAsync(cancellationToken: Stop);
        // All ten texts are encoded when their messages are here.
        await Eventually.TrueAsync(async () => await channel.MessageCountAsync(queue, Stop) == 10, "the stages wait");
        Assert.Equal(10u, await channel.QueuePurgeAsync(queue, Stop));
    }

    /// <summary>Sets the server's memory so that a share of it is used.</summary>
    private static async Task FillAsync(ConnectionMultiplexer redis, double share)
    {
        IDatabase database = redis.GetDatabase();
        string memory = ((string?)await database.ExecuteAsync("INFO", "memory"))!.Split('\n')
            .Single(line => line.StartsWith("used_memory:", StringComparison.Ordinal));
        long used = long.Parse(memory.Split(':')[1], CultureInfo.InvariantCulture);
        await database.ExecuteAsync("CONFIG", "SET", "maxmemory", (long)(used / share));
    }
}
