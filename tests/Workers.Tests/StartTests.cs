using Brownian.Hosting;
using Brownian.Inference.Stages;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.InProcess;
using Brownian.Jobs.Queues;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Brownian.Workers.Tests;

/// <summary>A worker that cannot start, or that fails unexpectedly, tries again; a process whose workers cannot start ends.</summary>
public sealed class StartTests : IDisposable
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(10);

    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_worker_that_could_not_start_starts_when_its_model_is_restored()
    {
        string model = _stubs.Add(), graph = Graph(model), aside = graph + ".aside";
        File.Move(graph, aside);
        await File.WriteAllTextAsync(graph, "no graph", Stop);
        await using Node node =
            await StartAsync(model, new WorkerSettings { RestartPause = Short, MaxRestartPause = Short, StartTime = TimeSpan.FromDays(1) });
        node.ExpectErrors(" cannot start: ");
        StageWorker[] workers = [.. node.Services.GetServices<StageWorker>()];
        await Eventually.TrueAsync(() => Task.FromResult(workers.Any(worker => worker.Problem is not null)), "a worker reports its problem");

        File.Move(aside, graph, overwrite: true);

        await Eventually.TrueAsync(
            () => Task.FromResult(workers.All(worker => worker is { State: WorkerState.Ready, Problem: null })), "the workers are ready");
        Assert.Null(node.Services.GetRequiredService<ProcessEnd>().Error);
        await DrawAsync(node, model);
    }

    [Fact]
    public async Task A_worker_that_cannot_start_ends_its_process_with_an_error()
    {
        string model = _stubs.Add();
        await File.WriteAllTextAsync(Graph(model), "no graph", Stop);
        await using Node node = await StartAsync(model, new WorkerSettings { RestartPause = Short, StartTime = 3 * Short });
        node.ExpectErrors(" cannot start: ");
        node.ExpectErrors(" could not start for ");

        await Eventually.TrueAsync(
            () =>
                Task.FromResult(node.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested),
                "the process stops");

        Assert.Contains(" cannot start: ", node.Services.GetRequiredService<ProcessEnd>().Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_whose_files_differ_from_anothers_serves_again_when_they_agree()
    {
        string model = _stubs.Add();
        var catalog = new ScriptedCatalog();
        var settings =
            new WorkerSettings { RestartPause = Short, MaxRestartPause = Short, StartTime = TimeSpan.FromDays(1), HeartbeatEvery = 2 * Short };
        await using Node node = await StartAsync(model, settings, services => services.Replace(ServiceDescriptor.Singleton<ICatalog>(catalog)));
        node.ExpectErrors(" cannot start: another worker serves other files");
        StageWorker[] workers = [.. node.Services.GetServices<StageWorker>()];

        catalog.Contradicts = true;
        await Eventually.TrueAsync(
            () =>
                Task.FromResult(workers.All(worker => worker is { State: WorkerState.Starting, Problem: not null })),
                "the workers take no more work");
        catalog.Contradicts = false;

        await Eventually.TrueAsync(
            () => Task.FromResult(workers.All(worker => worker is { State: WorkerState.Ready, Problem: null })), "the workers are ready again");
        await DrawAsync(node, model);
    }

    [Fact]
    public async Task A_slot_that_fails_unexpectedly_takes_the_next_stage_after_a_pause()
    {
        string model = _stubs.Add();
        await using Node node = await StartAsync(model, new WorkerSettings { RestartPause = Short, MaxRestartPause = Short }, services =>
        {
            services.RemoveAll<IStageQueues>();
            services.AddSingleton<IStageQueues, FailingQueues>();
        });
        node.ExpectErrors(" failed unexpectedly; the slot takes the next stage after a pause");

        await DrawAsync(node, model);

        Assert.Equal(FailingQueues.Failures, ((FailingQueues)node.Services.GetRequiredService<IStageQueues>()).Failed);
    }

    [Fact]
    public async Task A_stage_that_stops_without_a_request_five_times_fails_its_job_with_the_reason()
    {
        string model = _stubs.Add();
        await using Node node = await StartAsync(model, new WorkerSettings(), services =>
        {
            services.RemoveAll<StageRunnerFactory>();
            foreach (StageRunnerFactory factory in StageRunners.Factories)
            {
                services.AddSingleton(new StageRunnerFactory(
                    engines => factory.Create(engines) is { Kind: not StageKind.Denoise } runner ? runner : new StoppingRunner()));
            }
        });
        node.ExpectErrors(" failed in stage denoise unexpectedly");

        List<JobEvent> events = await EventsAsync(node, model);

        Assert.Equal(4, events.Count(item => item.StageReturned is not null));
        Assert.Contains("stage denoise stopped 5 times without progress", events[^1].Failed.Error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _stubs.Dispose();

    private string Graph(string model) =>
        Directory.GetFiles(_stubs.Combine(model), "model.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();

    private Task<Node> StartAsync(string model, WorkerSettings settings, Action<IServiceCollection>? add = null) => Node.StartAsync(
        platform =>
        {
            Node.Everything(platform);
            platform.Services.Replace(ServiceDescriptor.Singleton(settings));
            add?.Invoke(platform.Services);
        },
        ServiceRole.Gateway,
        [.. _stubs.Settings(model), "Ephemeral=true"]);

    private static async Task DrawAsync(Node node, string model) => Assert.NotNull((await EventsAsync(node, model))[^1].Done);

    private static async Task<List<JobEvent>> EventsAsync(Node node, string model)
    {
        using AsyncServerStreamingCall<JobEvent> call =
            node.Client.Generation.Generate(Stubs.Request(model, 1), deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
        var events = new List<JobEvent>();
        while (await call.ResponseStream.MoveNext(Stop))
        {
            events.Add(call.ResponseStream.Current);
        }
        return events;
    }

    /// <summary>Queues that throw an unexpected error the first few times that a stage is taken.</summary>
    private sealed class FailingQueues : IStageQueues
    {
        public const int Failures = 3;

        private readonly InProcessQueues _queues = new();
        private int _failed;

        public int Failed => Math.Min(Volatile.Read(ref _failed), Failures);

        public bool IsConnected => _queues.IsConnected;

        public Task SendAsync(StageQueue queue, StageMessage message, CancellationToken cancellationToken) =>
            _queues.SendAsync(queue, message, cancellationToken);

        public Task<IStageDelivery> TakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken) =>
            Interlocked.Increment(ref _failed) <= Failures
                ? throw new InvalidOperationException("no queue does this")
                : _queues.TakeAsync(queues, cancellationToken);

        public Task<IStageDelivery?> TryTakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken) =>
            _queues.TryTakeAsync(queues, cancellationToken);

        public Task<long> ReadyAsync(string queue, CancellationToken cancellationToken) => _queues.ReadyAsync(queue, cancellationToken);

        public Task<IReadOnlyList<DeadMessage>> DrainDeadAsync(CancellationToken cancellationToken) => _queues.DrainDeadAsync(cancellationToken);
    }

    /// <summary>Stops in the way of a cancelled stage, without a cancellation.</summary>
    private sealed class StoppingRunner : IStageRunner
    {
        public string Kind => StageKind.Denoise;

        public Task RunAsync(IStageContext context, CancellationToken cancellationToken) => throw new OperationCanceledException();
    }
}
