using Brownian.Adapters;
using Brownian.Gateway.Direct;
using Brownian.Hosting.Certificates;
using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Models.Facts;
using Brownian.V1;
using CsCheck;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using Status = Grpc.Core.Status;

namespace Brownian.Gateway.Tests.Direct;

/// <summary>Calls to workers that start, end, refuse and fail.</summary>
public sealed class WorkerPoolTests : IAsyncDisposable
{
    private const string Role = "denoiser", Model = "stub", Held = "held";

    private readonly ListedWorkers _catalog = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly List<StageServer> _servers = [];
    private readonly WorkerPool _pool;

    public WorkerPoolTests() => _pool = new WorkerPool(_catalog, _clock, new ProcessCertificates(new CertificateFiles(), _clock));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_goes_to_the_worker_with_the_fewest_running_calls()
    {
        StageServer[] workers = await StartAsync(3);
        await ConnectedAsync(workers);
        var held = workers.Select(_ => new List<HeldCall>()).ToArray();

        await Gen.Bool.Array[30].SampleAsync(
            async begins =>
            {
                foreach (bool begin in begins)
                {
                    int[] counts = [.. held.Select(calls => calls.Count)];
                    if (begin || counts.Sum() == 0)
                    {
                        HeldCall call = await HoldAsync();
                        int at = Array.IndexOf(workers, call.Server);
                        Assert.Equal(counts.Min(), counts[at]);
                        held[at].Add(call);
                    }
                    else
                    {
                        List<HeldCall> most = held[Array.IndexOf(counts, counts.Max())];
                        await most[^1].EndAsync();
                        most.RemoveAt(most.Count - 1);
                    }
                }
            },
            iter: 5, threads: 1);

        foreach (HeldCall call in held.SelectMany(calls => calls))
        {
            await call.EndAsync();
        }
    }

    [Fact]
    public async Task Workers_with_equally_many_calls_are_picked_in_turn()
    {
        StageServer[] workers = await StartAsync(3);
        await ConnectedAsync(workers);
        int[] before = [.. workers.Select(worker => worker.Calls)];

        for (int i = 0; i < 12; i++)
        {
            await CallAsync();
        }

        Assert.Equal([4, 4, 4], workers.Select((worker, i) => worker.Calls - before[i]));
    }

    [Fact]
    public async Task A_worker_without_the_model_or_not_ready_is_never_picked()
    {
        StageServer[] workers = await StartAsync(4);
        _catalog.Workers =
        [
            Card(workers[0], models: ["other"]), Card(workers[1]), Card(workers[2]) with { State = WorkerState.Draining },
            Card(workers[3]) with { Role = "vae-decoder" },
        ];

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => CallAsync()));
        Assert.Equal([0, 20, 0, 0], workers.Select(worker => worker.Calls));

        // A call for any model may go to both.
        for (int i = 0; workers[0].Calls == 0; i++)
        {
            Assert.True(i < 10_000, "the other worker is not picked for a call for any model");
            await CallAsync(null);
        }
    }

    [Fact]
    public async Task A_worker_that_receives_the_model_later_is_picked()
    {
        StageServer worker = (await StartAsync(1))[0];
        _catalog.Workers = [Card(worker, models: ["other"])];
        await Assert.ThrowsAsync<RpcException>(() => CallAsync());

        _catalog.Workers = [Card(worker, models: ["other", Model])];
        await CallAsync();

        Assert.Equal(1, worker.Calls);
    }

    [Fact]
    public async Task A_call_that_a_full_or_unavailable_worker_refuses_goes_to_another_worker()
    {
        StageServer[] workers = await StartAsync(4);
        await ConnectedAsync(workers);
        workers[0].OnRun = Refuse(StatusCode.ResourceExhausted);
        workers[1].OnRun = Refuse(StatusCode.Unavailable);
        await workers[2].DisposeAsync();
        int before = workers[3].Calls;

        for (int i = 0; i < 8; i++)
        {
            await CallAsync();
        }

        Assert.Equal(before + 8, workers[3].Calls);
    }

    [Fact]
    public async Task A_call_whose_worker_ends_before_its_first_message_goes_to_another_worker()
    {
        StageServer[] workers = await StartAsync(2);
        await ConnectedAsync(workers);
        var reached = new TaskCompletionSource<StageServer>(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (StageServer worker in workers)
        {
            StageServer.Answer usual = worker.OnRun;
            worker.OnRun = (request, events, stop) =>
                reached.TrySetResult(worker) ? Task.Delay(Timeout.Infinite, stop) : usual(request, events, stop);
        }
        Task call = CallAsync();

        await (await reached.Task.WaitAsync(Eventually.Deadline, Stop)).DisposeAsync();

        await call;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task A_call_that_every_worker_refuses_reaches_each_once_and_gets_the_last_answer(int count)
    {
        StageServer[] workers = await StartAsync(count);
        await ConnectedAsync(workers);
        int[] before = [.. workers.Select(worker => worker.Calls)];
        foreach (StageServer worker in workers)
        {
            worker.OnRun = (_, _, _) => throw new Google.Rpc.Status
            {
                Code = (int)StatusCode.ResourceExhausted,
                Message = "100 % full: ö",
                Details = { Google.Protobuf.WellKnownTypes.Any.Pack(new ErrorInfo { Reason = "FULL" }) },
            }.ToRpcException();
        }

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => CallAsync());

        Assert.Equal((StatusCode.ResourceExhausted, "100 % full: ö"), (refused.StatusCode, refused.Status.Detail));
        Assert.Equal("FULL", refused.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason);
        Assert.Null(refused.Status.DebugException);
        Assert.All(workers.Select((worker, i) => worker.Calls - before[i]), calls => Assert.Equal(1, calls));
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.ResourceExhausted)]
    public async Task A_call_that_fails_after_its_first_message_is_not_repeated(StatusCode code)
    {
        StageServer[] workers = await StartAsync(2);
        await ConnectedAsync(workers);
        int before = workers.Sum(worker => worker.Calls);
        foreach (StageServer worker in workers)
        {
            worker.OnRun = async (_, events, stop) =>
            {
                await events.WriteAsync(new StageEvent { Warning = "one" }, stop);
                throw new RpcException(new Status(code, "after a message"));
            };
        }
        var item = new List<StageEvent>();

        RpcException failed = await Assert.ThrowsAsync<RpcException>(() => CallAsync(onEvent: item.Add));

        Assert.Equal((code, "after a message"), (failed.StatusCode, failed.Status.Detail));
        Assert.Single(item);
        Assert.Equal(before + 1, workers.Sum(worker => worker.Calls));
    }

    [Fact]
    public async Task A_call_that_fails_as_invalid_is_not_repeated()
    {
        StageServer[] workers = await StartAsync(2);
        await ConnectedAsync(workers);
        int before = workers.Sum(worker => worker.Calls);
        Array.ForEach(workers, worker => worker.OnRun = Refuse(StatusCode.InvalidArgument));

        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => CallAsync())).StatusCode);

        Assert.Equal(before + 1, workers.Sum(worker => worker.Calls));
    }

    [Fact]
    public async Task A_refused_call_with_a_large_request_is_repeated()
    {
        StageServer[] workers = await StartAsync(2);
        await ConnectedAsync(workers);
        workers[0].OnRun = workers[1].OnRun = Refuse(StatusCode.ResourceExhausted);
        // Larger than the client's default buffers, both in total and per call.
        var request = new RunStageRequest { Files = { ["a"] = UnsafeByteOperations.UnsafeWrap(new byte[(16 << 20) + 1]) } };
        int before = workers.Sum(worker => worker.Calls);

        await Assert.ThrowsAsync<RpcException>(() => CallAsync(request: request));

        Assert.Equal(before + 2, workers.Sum(worker => worker.Calls));
    }

    [Fact]
    public async Task A_worker_that_is_listed_after_a_failed_call_is_found_by_the_next_call()
    {
        StageServer worker = (await StartAsync(1))[0];
        _catalog.Workers = [];
        RpcException missing = await Assert.ThrowsAsync<RpcException>(() => CallAsync());
        Assert.Equal((StatusCode.Unavailable, $"no {Role} that is ready serves the model {Model} now"), (missing.StatusCode, missing.Status.Detail));
        missing = await Assert.ThrowsAsync<RpcException>(() => CallAsync(null));
        Assert.Equal((StatusCode.Unavailable, $"no {Role} is ready now"), (missing.StatusCode, missing.Status.Detail));
        Assert.Null(missing.Status.DebugException);

        _catalog.Workers = [Card(worker)];
        await CallAsync();

        Assert.Equal(1, worker.Calls);
    }

    [Fact]
    public async Task A_worker_that_restarts_at_its_address_is_called_again()
    {
        StageServer worker = (await StartAsync(1))[0];
        await CallAsync();
        int port = new Uri(worker.Address).Port;
        await worker.DisposeAsync();
        RpcException unreachable = await Assert.ThrowsAsync<RpcException>(() => CallAsync());
        Assert.Equal(StatusCode.Unavailable, unreachable.StatusCode);
        // The failure comes from the gateway itself, not from a worker's answer.
        Assert.NotNull(unreachable.Status.DebugException);

        worker = await StageServer.StartAsync(port);
        _servers.Add(worker);
        await CallAsync();

        Assert.Equal(1, worker.Calls);
    }

    [Fact]
    public async Task The_catalogue_is_read_at_most_once_a_second_while_a_worker_serves_the_model()
    {
        StageServer worker = (await StartAsync(1))[0];
        await CallAsync();
        int reads = _catalog.Reads;
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => CallAsync()));
        Assert.Equal(reads, _catalog.Reads);

        _clock.Advance(TimeSpan.FromSeconds(1.5));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => CallAsync()));

        Assert.Equal(reads + 1, _catalog.Reads);
        Assert.Equal(41, worker.Calls);
    }

    [Fact]
    public async Task A_call_of_a_worker_that_left_the_catalogue_continues_and_later_calls_avoid_the_worker()
    {
        StageServer worker = (await StartAsync(1))[0];
        HeldCall held = await HoldAsync();
        _catalog.Workers = [];
        _clock.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<RpcException>(() => CallAsync());
        Assert.Equal(1, worker.Calls);

        await held.EndAsync();

        Assert.Equal(["begun", "ended"], held.Received.Select(item => item.Warning));
    }

    [Fact]
    public async Task Running_calls_of_a_worker_that_left_the_catalogue_count_when_it_returns()
    {
        StageServer[] workers = await StartAsync(2);
        await ConnectedAsync(workers);
        HeldCall first = await HoldAsync();
        _catalog.Workers = [];
        _clock.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<RpcException>(() => CallAsync());
        _catalog.Workers = [.. workers.Select(worker => Card(worker))];
        await ConnectedAsync(workers);

        HeldCall second = await HoldAsync();

        Assert.NotSame(first.Server, second.Server);
        await first.EndAsync();
        await second.EndAsync();
    }

    [Fact]
    public async Task A_failure_to_read_the_catalogue_is_passed_on_and_the_next_call_reads_it_again()
    {
        await StartAsync(1);
        _catalog.Fault = new PlatformUnavailableException(PlatformPart.JobStore, "away");
        Assert.Same(_catalog.Fault, await Assert.ThrowsAsync<PlatformUnavailableException>(() => CallAsync()));

        _catalog.Fault = null;
        await CallAsync();
    }

    [Fact]
    public async Task A_cancelled_call_ends_and_no_longer_counts()
    {
        StageServer[] workers = await StartAsync(2);
        await ConnectedAsync(workers);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        HeldCall cancelled = await HoldAsync(cancel);
        HeldCall other = await HoldAsync();
        await cancel.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => cancelled.Running)).StatusCode);

        HeldCall next = await HoldAsync();

        Assert.Same(cancelled.Server, next.Server);
        await other.EndAsync();
        await next.EndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _pool.Dispose();
        foreach (StageServer server in _servers)
        {
            await server.DisposeAsync();
        }
    }

    private static StageServer.Answer Refuse(StatusCode code) => (_, _, _) => throw new RpcException(new Status(code, "refused"));

    private static WorkerCard Card(StageServer server, params string[] models) => new()
    {
        Id = server.Address,
        Role = Role,
        State = WorkerState.Ready,
        Address = server.Address,
        // Besides the shared model one of its own, by which a test calls this worker alone.
        Models = (models is [] ? [Model, server.Address] : models).ToDictionary(model => model, _ => "fingerprint"),
    };

    /// <summary>Starts workers and lists them.</summary>
    private async Task<StageServer[]> StartAsync(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _servers.Add(await StageServer.StartAsync());
        }
        StageServer[] workers = [.. _servers];
        _catalog.Workers = [.. workers.Select(worker => Card(worker))];
        return workers;
    }

    /// <summary>Waits until the pool is connected to each worker: a call for a worker's own model waits for it.</summary>
    private async Task ConnectedAsync(StageServer[] workers)
    {
        foreach (StageServer worker in workers)
        {
            await CallAsync(worker.Address);
        }
    }

    private Task CallAsync(
        string? model = Model, RunStageRequest? request = null, Action<StageEvent>? onEvent = null, CancellationTokenSource? cancel = null) =>
        _pool.CallAsync(Role, model, async (channel, headers) =>
        {
            CancellationToken stop = cancel?.Token ?? Stop;
            using AsyncServerStreamingCall<StageEvent> call =
                new Stages.StagesClient(channel).Run(request ?? new RunStageRequest(), headers, cancellationToken: stop);
            await foreach (StageEvent item in call.ResponseStream.ReadAllAsync(stop))
            {
                onEvent?.Invoke(item);
            }
        });

    /// <summary>Begins a call that sends a message and continues until the test ends it.</summary>
    private async Task<HeldCall> HoldAsync(CancellationTokenSource? cancel = null)
    {
        var held = new HeldCall();
        foreach (StageServer worker in _servers)
        {
            worker.OnRun = async (request, events, stop) =>
            {
                if (request.StageJson != Held)
                {
                    await events.WriteAsync(new StageEvent { Warning = "done" }, stop);
                    return;
                }
                held.Server = worker;
                await events.WriteAsync(new StageEvent { Warning = "begun" }, stop);
                await held.End.Task.WaitAsync(stop);
                await events.WriteAsync(new StageEvent { Warning = "ended" }, stop);
            };
        }
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        held.Running = CallAsync(
            request: new RunStageRequest { StageJson = Held },
            onEvent: item =>
            {
                held.Received.Add(item);
                begun.TrySetResult();
            },
            cancel: cancel);
        await await Task.WhenAny(begun.Task, held.Running).WaitAsync(Eventually.Deadline, Stop);
        return held;
    }

    private sealed class HeldCall
    {
        public StageServer? Server { get; set; }

        public TaskCompletionSource End { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Running { get; set; } = Task.CompletedTask;

        public List<StageEvent> Received { get; } = [];

        public async Task EndAsync()
        {
            End.TrySetResult();
            await Running.WaitAsync(Eventually.Deadline, Stop);
        }
    }

    private sealed class ListedWorkers : ICatalog
    {
        private int _reads;

        public IReadOnlyList<WorkerCard> Workers { get; set; } = [];

        public Exception? Fault { get; set; }

        public int Reads => Volatile.Read(ref _reads);

        public Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _reads);
            return Fault is { } fault ? Task.FromException<IReadOnlyList<WorkerCard>>(fault) : Task.FromResult(Workers);
        }

        public Task PublishAsync(WorkerCard worker, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task RemoveAsync(string worker, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task PublishAsync(ModelCard model, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ModelCard?> FindModelAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task PublishAsync(ModelSignature signature, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ModelSignature?> FindSignatureAsync(string name, string fingerprint, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task PublishAsync(IReadOnlyCollection<CostSample> samples, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<StageCosts> CostsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
