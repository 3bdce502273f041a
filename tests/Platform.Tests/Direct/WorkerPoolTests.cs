using Brownian.Adapters;
using Brownian.Gateway.Direct;
using Brownian.Jobs.Catalog;
using Brownian.Models.Facts;
using Grpc.Core;
using Grpc.Net.Client;

namespace Brownian.Platform.Tests.Direct;

/// <summary>Channels to workers that come and go.</summary>
public sealed class WorkerPoolTests
{
    private const string Role = "denoiser", Model = "stub";

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_channel_that_was_just_picked_is_not_closed_although_its_worker_goes()
    {
        var catalog = new ListedWorkers { Address = "http://127.0.0.1:1" };
        var clock = new PickingClock();
        using var pool = new WorkerPool(catalog, clock);
        Task other = Task.CompletedTask;
        // While the call picks its worker, the worker goes and another call finds that out: with all the time it wants where nothing holds it.
        clock.Picked = () =>
        {
            clock.Picked = null;
            catalog.Address = null;
            clock.Advance();
            other = Task.Run(() => Assert.ThrowsAsync<RpcException>(() => CallAsync(pool, _ => Task.FromResult(true))), Stop);
            Task.WhenAny(other, Task.Delay(Window, Stop)).GetAwaiter().GetResult();
        };

        GrpcChannel used = await CallAsync(pool, async channel =>
        {
            await other;
            // A closed one throws.
            channel.CreateCallInvoker();
            return channel;
        });

        // When the call is over, nothing keeps it.
        clock.Advance();
        await Assert.ThrowsAsync<RpcException>(() => CallAsync(pool, _ => Task.FromResult(true)));
        Assert.Throws<ObjectDisposedException>(() => used.CreateCallInvoker());
    }

    [Fact]
    public async Task Calls_at_once_share_the_channel_of_a_worker()
    {
        var catalog = new ListedWorkers { Address = "http://127.0.0.1:1" };
        using var pool = new WorkerPool(catalog, new PickingClock());
        GrpcChannel[] channels = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(() => CallAsync(pool, Task.FromResult), Stop)));
        Assert.Single(channels.Distinct());
    }

    private static Task<T> CallAsync<T>(WorkerPool pool, Func<GrpcChannel, Task<T>> call) => pool.CallAsync(Role, Model, call, () => true, Stop);

    /// <summary>A clock that tells when a worker is being picked.</summary>
    private sealed class PickingClock : TimeProvider
    {
        private long _seconds;

        public Action? Picked { get; set; }

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(10 * Interlocked.Read(ref _seconds)).AddYears(50);

        public override long GetTimestamp()
        {
            Picked?.Invoke();
            return Interlocked.Read(ref _seconds);
        }

        public void Advance() => Interlocked.Increment(ref _seconds);
    }

    private sealed class ListedWorkers : ICatalog
    {
        public string? Address { get; set; }

        public Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<WorkerCard>>(
            Address is { } address
                ?
                [
                    new WorkerCard
                    {
                        Id = "worker", Role = Role, State = WorkerState.Ready, Models = new Dictionary<string, string> { [Model] = "f" },
                        Address = address, Slots = 1, Provider = "cpu", Seen = DateTimeOffset.UnixEpoch,
                    },
                ]
                : []);

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
