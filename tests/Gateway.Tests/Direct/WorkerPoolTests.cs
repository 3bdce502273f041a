using Brownian.Adapters;
using Brownian.Gateway.Direct;
using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Models.Facts;
using Brownian.V1;
using CsCheck;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Status = Grpc.Core.Status;

namespace Brownian.Gateway.Tests.Direct;

/// <summary>Calls to workers that come, go, refuse and fail.</summary>
public sealed class WorkerPoolTests : IAsyncDisposable
{
    private const string Role = "denoiser", Model = "stub", Held = "held";

    private readonly ListedWorkers _catalog = new();
    private readonly StoppedClock _clock = new();
    private readonly List<StageServer> _servers = [];
    private readonly WorkerPool _pool;

    public WorkerPoolTests() => _pool = new WorkerPool(_catalog, _clock);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_goes_to_the_worker_with_the_fewest_calls_until_their_last_message()
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

        // A call for any model is for both.
        for (int i = 0; workers[0].Calls == 0; i++)
        {
            Assert.True(i < 10_000, "the other worker is not picked for a call for any model");
            await CallAsync(null);
        }
    }

    [Fact]
    public async Task A_worker_that_gets_the_model_is_picked_for_it()
    {
        StageServer worker = (await StartAsync(1))[0];
        _catalog.Workers = [Card(worker, models: ["other"])];
        await Assert.ThrowsAsync<RpcException>(() => CallAsync());

        _catalog.Workers = [Card(worker, models: ["other", Model])];
        await CallAsync();

        Assert.Equal(1, worker.Calls);
    }

    [Fact]
    public async Task A_worker_that_is_full_or_away_is_passed_over_to_one_that_is_not()
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
    public async Task A_worker_that_ends_before_its_first_message_is_passed_over_to_another_one()
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
    public async Task A_call_that_each_worker_refuses_reaches_each_once_and_gets_the_answer_of_the_last(int count)
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
    public async Task A_call_that_has_a_message_is_never_repeated(StatusCode code)
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
        var told = new List<StageEvent>();

        RpcException failed = await Assert.ThrowsAsync<RpcException>(() => CallAsync(onEvent: told.Add));

        Assert.Equal((code, "after a message"), (failed.StatusCode, failed.Status.Detail));
        Assert.Single(told);
        Assert.Equal(before + 1, workers.Sum(worker => worker.Calls));
    }

    [Fact]
    public async Task Other_failures_are_not_repeated()
    {
        StageServer[] workers = await StartAsync(2);
        await ConnectedAsync(workers);
        int before = workers.Sum(worker => worker.Calls);
        Array.ForEach(workers, worker => worker.OnRun = Refuse(StatusCode.InvalidArgument));

        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => CallAsync())).StatusCode);

        Assert.Equal(before + 1, workers.Sum(worker => worker.Calls));
    }

    [Fact]
    public async Task A_large_request_is_repeated_too()
    {
        StageServer[] workers = await StartAsync(2);
        await ConnectedAsync(workers);
        workers[0].OnRun = workers[1].OnRun = Refuse(StatusCode.ResourceExhausted);
        // More than the client's buffers hold by default, in all and for a call.
        var request = new RunStageRequest { Files = { ["a"] = UnsafeByteOperations.UnsafeWrap(new byte[(16 << 20) + 1]) } };
        int before = workers.Sum(worker => worker.Calls);

        await Assert.ThrowsAsync<RpcException>(() => CallAsync(request: request));

        Assert.Equal(before + 2, workers.Sum(worker => worker.Calls));
    }

    [Fact]
    public async Task A_worker_that_comes_after_the_catalogue_was_asked_is_found()
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
    public async Task A_worker_that_starts_again_at_its_address_is_found()
    {
        StageServer worker = (await StartAsync(1))[0];
        await CallAsync();
        int port = new Uri(worker.Address).Port;
        await worker.DisposeAsync();
        RpcException away = await Assert.ThrowsAsync<RpcException>(() => CallAsync());
        Assert.Equal(StatusCode.Unavailable, away.StatusCode);
        // The gateway's own failure, not a worker's answer.
        Assert.NotNull(away.Status.DebugException);

        worker = await StageServer.StartAsync(port);
        _servers.Add(worker);
        await CallAsync();

        Assert.Equal(1, worker.Calls);
    }

    [Fact]
    public async Task The_catalogue_is_asked_once_a_second_while_workers_serve_what_is_called()
    {
        StageServer worker = (await StartAsync(1))[0];
        await CallAsync();
        int asked = _catalog.Asked;
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => CallAsync()));
        Assert.Equal(asked, _catalog.Asked);

        _clock.Advance(TimeSpan.FromSeconds(1.5));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => CallAsync()));

        Assert.Equal(asked + 1, _catalog.Asked);
        Assert.Equal(41, worker.Calls);
    }

    [Fact]
    public async Task A_call_goes_on_when_its_worker_leaves_the_catalogue_and_no_other_call_gets_it()
    {
        StageServer worker = (await StartAsync(1))[0];
        HeldCall held = await HoldAsync();
        _catalog.Workers = [];
        _clock.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<RpcException>(() => CallAsync());
        Assert.Equal(1, worker.Calls);

        await held.EndAsync();

        Assert.Equal(["begun", "ended"], held.Told.Select(told => told.Warning));
    }

    [Fact]
    public async Task Calls_of_a_worker_that_left_count_when_it_is_back()
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
    public async Task A_catalogue_that_cannot_be_reached_is_told_as_it_is_and_asked_again_by_the_next_call()
    {
        await StartAsync(1);
        _catalog.Fault = new PlatformUnavailableException(PlatformPart.JobStore, "away");
        Assert.Same(_catalog.Fault, await Assert.ThrowsAsync<PlatformUnavailableException>(() => CallAsync()));

        _catalog.Fault = null;
        await CallAsync();
    }

    [Fact]
    public async Task A_call_that_is_cancelled_ends_and_counts_no_longer()
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
        // A model of its own beside the shared one, to call this worker alone.
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
            await foreach (StageEvent told in call.ResponseStream.ReadAllAsync(stop))
            {
                onEvent?.Invoke(told);
            }
        });

    /// <summary>Begins a call that has a message and goes on until it is told to end.</summary>
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
            onEvent: told =>
            {
                held.Told.Add(told);
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

        public List<StageEvent> Told { get; } = [];

        public async Task EndAsync()
        {
            End.TrySetResult();
            await Running.WaitAsync(Eventually.Deadline, Stop);
        }
    }

    private sealed class StoppedClock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
    }

    private sealed class ListedWorkers : ICatalog
    {
        private int _asked;

        public IReadOnlyList<WorkerCard> Workers { get; set; } = [];

        public Exception? Fault { get; set; }

        public int Asked => Volatile.Read(ref _asked);

        public Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _asked);
            return Fault is { } fault ? Task.FromException<IReadOnlyList<WorkerCard>>(fault) : Task.FromResult(Workers);
        }

        public Task PublishAsync(WorkerCard worker, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task RemoveAsync(string worker, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task PublishAsync(ModelCard model, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ModelCard?> FindModelAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task PublishAsync(ModelSignature outline, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ModelSignature?> FindSignatureAsync(string name, string fingerprint, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
