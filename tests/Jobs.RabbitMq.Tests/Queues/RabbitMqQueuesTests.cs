using Brownian.Jobs.Queues;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq.Tests.Queues;

/// <summary>Queues of a broker: the common behaviour of all queues, and several processes.</summary>
public sealed class RabbitMqQueuesTests(RealServers servers) : StageQueuesContract, IAsyncLifetime
{
    private readonly List<RabbitMqQueues> _processes = [];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (RabbitMqQueues process in _processes)
        {
            await process.DisposeAsync();
        }
    }

    protected override async Task<IStageQueues> CreateAsync() => await ProcessAsync();

    [Fact]
    public async Task A_waiting_taker_is_woken_by_a_message_of_another_process()
    {
        StageQueue queue = TestQueues.Queue();
        RabbitMqQueues worker = await ProcessAsync(TestQueues.VeryLong);
        RabbitMqQueues gateway = await ProcessAsync();
        for (int i = 0; i < 200; i++)
        {
            Task<IStageDelivery> taking = worker.TakeAsync([TestQueues.Queue(), queue], Cancelled);
            if (i == 0)
            {
                // It has looked at both queues and found no message: from now on it looks only after a hint.
                await TestQueues.BecomesAsync(async () => await gateway.ReadyAsync(queue.Name, Cancelled) == 0 && worker.IsConnected, Cancelled);
            }
            await gateway.SendAsync(queue, TestQueues.Message($"job-{i}"), Cancelled);
            IStageDelivery delivery = await taking.WaitAsync(TimeSpan.FromSeconds(30), Cancelled);
            Assert.Equal($"job-{i}", delivery.Message.Job);
            await delivery.AcknowledgeAsync();
        }
    }

    [Fact]
    public async Task A_hint_wakes_only_the_takers_of_its_queue()
    {
        await using var sends =
            new RabbitMqConnection((await servers.RabbitMq).Uri, "tests", Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await using var hints = new RabbitMqHints(sends);
        hints.Start();
        await hints.ListenAsync(await sends.GetAsync(Cancelled), Cancelled);
        using RabbitMqWaiter here = hints.Add(["here"]);
        using RabbitMqWaiter elsewhere = hints.Add(["elsewhere"]);
        Task woken = elsewhere.WaitAsync(TestQueues.VeryLong, Cancelled);
        hints.Publish("here");
        await here.WaitAsync(TestQueues.VeryLong, Cancelled);
        Assert.False(woken.IsCompleted);
        hints.Publish("elsewhere");
        await woken;
    }

    [Fact]
    public async Task A_message_of_a_worker_that_ended_goes_to_another_worker()
    {
        StageQueue queue = TestQueues.Queue();
        RabbitMqQueues gateway = await ProcessAsync();
        RabbitMqQueues ending = await ProcessAsync();
        await gateway.SendAsync(queue, TestQueues.Message(), Cancelled);
        IStageDelivery lost = await ending.TakeAsync([queue], Cancelled);
        Assert.Equal(0, await gateway.ReadyAsync(queue.Name, Cancelled));
        await ending.DisposeAsync();
        Assert.Equal("job", await gateway.TakeAsync(queue, Cancelled));
        // The ended consumer acknowledges too late: no message has that number any more.
        await lost.AcknowledgeAsync();
        Assert.Equal(0, await gateway.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task Queues_and_exchanges_that_an_operator_deletes_are_declared_again()
    {
        StageQueue queue = TestQueues.Queue();
        StageQueue held = TestQueues.Queue();
        RabbitMqQueues gateway = await ProcessAsync();
        RabbitMqQueues worker = await ProcessAsync();
        await gateway.SendAsync(queue, TestQueues.Message("lost"), Cancelled);
        await gateway.SendAsync(held, TestQueues.Message("held"), Cancelled);
        IStageDelivery delivery = await worker.TakeAsync([held, queue], Cancelled);
        Assert.Equal("held", delivery.Message.Job);
        await using (IConnection operating = await TestQueues.ConnectDirectlyAsync(await servers.RabbitMq, Cancelled))
        {
            await using IChannel channel = await operating.CreateChannelAsync(cancellationToken: Cancelled);
            await channel.QueueDeleteAsync(queue.Name, cancellationToken: Cancelled);
            await channel.ExchangeDeleteAsync(RabbitMqTopology.Hints, cancellationToken: Cancelled);
            Task<string> taking = worker.TakeAsync(queue, Cancelled);
            await gateway.SendAsync(queue, TestQueues.Message("found"), Cancelled);
            Assert.Equal("found", await taking);
            await channel.QueueDeleteAsync(queue.Name, cancellationToken: Cancelled);
            await gateway.SendAsync(queue, TestQueues.Message("found again"), Cancelled);
            Assert.Equal("found again", await worker.TakeAsync(queue, Cancelled));
        }
        // A message taken from another queue stays with its taker.
        Assert.Equal(0, await gateway.ReadyAsync(held.Name, Cancelled));
        await delivery.AcknowledgeAsync();
    }

    [Fact]
    public async Task A_message_too_large_is_refused()
    {
        RabbitMqQueues gateway = await ProcessAsync();
        StageQueue queue = TestQueues.Queue();
        await Assert.ThrowsAsync<ArgumentException>(() => gateway.SendAsync(queue, TestQueues.Message(new string('x', 4096)), Cancelled));
        Assert.Equal(0, await gateway.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task A_queue_declared_otherwise_by_another_client_does_not_block_other_queues()
    {
        StageQueue foreign = TestQueues.Queue();
        StageQueue queue = TestQueues.Queue();
        await using IConnection operating = await TestQueues.ConnectDirectlyAsync(await servers.RabbitMq, Cancelled);
        await using IChannel channel = await operating.CreateChannelAsync(cancellationToken: Cancelled);
        await channel.QueueDeclareAsync(foreign.Name, durable: true, exclusive: false, autoDelete: false, cancellationToken: Cancelled);
        RabbitMqQueues process = await ProcessAsync();
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => process.SendAsync(foreign, TestQueues.Message(), Cancelled));
        await process.SendAsync(queue, TestQueues.Message(), Cancelled);
        IStageDelivery delivery = await process.TakeAsync([foreign, queue], Cancelled);
        await delivery.AcknowledgeAsync();
    }

    [Fact]
    public async Task A_send_to_a_full_queue_fails()
    {
        StageQueue queue = TestQueues.Queue();
        RabbitMqServer server = await servers.RabbitMq;
        await using IConnection operating = await TestQueues.ConnectDirectlyAsync(server, Cancelled);
        await using IChannel channel = await operating.CreateChannelAsync(cancellationToken: Cancelled);
        RabbitMqQueues process = await ProcessAsync();
        await process.SendAsync(queue, TestQueues.Message(), Cancelled);
        // Another client replaces the queue by one that accepts no message: the broker refuses the sender, which has declared its own before.
        await channel.QueueDeleteAsync(queue.Name, cancellationToken: Cancelled);
        await channel.QueueDeclareAsync(
            queue.Name,
            durable: true,
            exclusive: false,
            autoDelete: false,
            new Dictionary<string, object?> { ["x-max-length"] = 0, ["x-overflow"] = "reject-publish" },
            cancellationToken: Cancelled);
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => process.SendAsync(queue, TestQueues.Message(), Cancelled));
    }

    private async Task<RabbitMqQueues> ProcessAsync(TimeSpan? pollInterval = null)
    {
        RabbitMqQueues process = TestQueues.Process(await servers.RabbitMq, pollInterval);
        _processes.Add(process);
        return process;
    }
}
