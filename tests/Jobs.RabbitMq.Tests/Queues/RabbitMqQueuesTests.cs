using Brownian.Jobs.Queues;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq.Tests.Queues;

/// <summary>Queues of a broker: what is the same in all, and what several processes see.</summary>
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
    public async Task An_idle_worker_is_woken_by_another_process()
    {
        StageQueue queue = Some.Queue();
        RabbitMqQueues worker = await ProcessAsync(Some.Ever);
        RabbitMqQueues gateway = await ProcessAsync();
        for (int i = 0; i < 200; i++)
        {
            Task<IStageDelivery> taking = worker.TakeAsync([Some.Queue(), queue], Cancelled);
            if (i == 0)
            {
                // It has looked at both and found nothing: from now on it looks only when it is told to.
                await Some.BecomesAsync(async () => await gateway.ReadyAsync(queue.Name, Cancelled) == 0 && worker.IsConnected, Cancelled);
            }
            await gateway.SendAsync(queue, Some.Message($"job-{i}"), Cancelled);
            IStageDelivery delivery = await taking.WaitAsync(TimeSpan.FromSeconds(30), Cancelled);
            Assert.Equal($"job-{i}", delivery.Message.Job);
            await delivery.AcknowledgeAsync();
        }
    }

    [Fact]
    public async Task A_hint_wakes_nobody_who_looks_elsewhere()
    {
        await using var sends =
            new RabbitMqConnection((await servers.RabbitMq).Uri, "tests", Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await using var hints = new RabbitMqHints(sends);
        hints.Start();
        await hints.ListenAsync(await sends.GetAsync(Cancelled), Cancelled);
        using RabbitMqWaiter here = hints.Add(["here"]);
        using RabbitMqWaiter elsewhere = hints.Add(["elsewhere"]);
        Task woken = elsewhere.WaitAsync(Some.Ever, Cancelled);
        hints.Publish("here");
        await here.WaitAsync(Some.Ever, Cancelled);
        Assert.False(woken.IsCompleted);
        hints.Publish("elsewhere");
        await woken;
    }

    [Fact]
    public async Task A_message_of_a_worker_that_died_goes_to_another()
    {
        StageQueue queue = Some.Queue();
        RabbitMqQueues gateway = await ProcessAsync();
        RabbitMqQueues dying = await ProcessAsync();
        await gateway.SendAsync(queue, Some.Message(), Cancelled);
        IStageDelivery lost = await dying.TakeAsync([queue], Cancelled);
        Assert.Equal(0, await gateway.ReadyAsync(queue.Name, Cancelled));
        await dying.DisposeAsync();
        Assert.Equal("job", await gateway.TakeAsync(queue, Cancelled));
        // The dead consumer acknowledges too late: the number is no message's any more.
        await lost.AcknowledgeAsync();
        Assert.Equal(0, await gateway.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task What_an_operator_deletes_comes_back()
    {
        StageQueue queue = Some.Queue();
        StageQueue held = Some.Queue();
        RabbitMqQueues gateway = await ProcessAsync();
        RabbitMqQueues worker = await ProcessAsync();
        await gateway.SendAsync(queue, Some.Message("lost"), Cancelled);
        await gateway.SendAsync(held, Some.Message("held"), Cancelled);
        IStageDelivery delivery = await worker.TakeAsync([held, queue], Cancelled);
        Assert.Equal("held", delivery.Message.Job);
        await using (IConnection operating = await Some.StrangerAsync(await servers.RabbitMq, Cancelled))
        {
            await using IChannel channel = await operating.CreateChannelAsync(cancellationToken: Cancelled);
            await channel.QueueDeleteAsync(queue.Name, cancellationToken: Cancelled);
            await channel.ExchangeDeleteAsync(RabbitMqTopology.Hints, cancellationToken: Cancelled);
            Task<string> taking = worker.TakeAsync(queue, Cancelled);
            await gateway.SendAsync(queue, Some.Message("found"), Cancelled);
            Assert.Equal("found", await taking);
            await channel.QueueDeleteAsync(queue.Name, cancellationToken: Cancelled);
            await gateway.SendAsync(queue, Some.Message("found again"), Cancelled);
            Assert.Equal("found again", await worker.TakeAsync(queue, Cancelled));
        }
        // What is in hand from another queue stays there.
        Assert.Equal(0, await gateway.ReadyAsync(held.Name, Cancelled));
        await delivery.AcknowledgeAsync();
    }

    [Fact]
    public async Task A_message_too_large_is_refused()
    {
        RabbitMqQueues gateway = await ProcessAsync();
        StageQueue queue = Some.Queue();
        await Assert.ThrowsAsync<ArgumentException>(() => gateway.SendAsync(queue, Some.Message(new string('x', 4096)), Cancelled));
        Assert.Equal(0, await gateway.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task A_queue_that_somebody_declared_otherwise_holds_up_no_other()
    {
        StageQueue foreign = Some.Queue();
        StageQueue queue = Some.Queue();
        await using IConnection operating = await Some.StrangerAsync(await servers.RabbitMq, Cancelled);
        await using IChannel channel = await operating.CreateChannelAsync(cancellationToken: Cancelled);
        await channel.QueueDeclareAsync(foreign.Name, durable: true, exclusive: false, autoDelete: false, cancellationToken: Cancelled);
        RabbitMqQueues process = await ProcessAsync();
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => process.SendAsync(foreign, Some.Message(), Cancelled));
        await process.SendAsync(queue, Some.Message(), Cancelled);
        IStageDelivery delivery = await process.TakeAsync([foreign, queue], Cancelled);
        await delivery.AcknowledgeAsync();
    }

    [Fact]
    public async Task A_full_queue_refuses_and_says_so()
    {
        StageQueue queue = Some.Queue();
        RabbitMqServer server = await servers.RabbitMq;
        await using IConnection operating = await Some.StrangerAsync(server, Cancelled);
        await using IChannel channel = await operating.CreateChannelAsync(cancellationToken: Cancelled);
        RabbitMqQueues process = await ProcessAsync();
        await process.SendAsync(queue, Some.Message(), Cancelled);
        // Another client replaces the queue by one that takes nothing: the broker tells the sender, which declared its own already.
        await channel.QueueDeleteAsync(queue.Name, cancellationToken: Cancelled);
        await channel.QueueDeclareAsync(
            queue.Name,
            durable: true,
            exclusive: false,
            autoDelete: false,
            new Dictionary<string, object?> { ["x-max-length"] = 0, ["x-overflow"] = "reject-publish" },
            cancellationToken: Cancelled);
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => process.SendAsync(queue, Some.Message(), Cancelled));
    }

    private async Task<RabbitMqQueues> ProcessAsync(TimeSpan? lookAgain = null)
    {
        RabbitMqQueues process = Some.Process(await servers.RabbitMq, lookAgain);
        _processes.Add(process);
        return process;
    }
}
