using System.Text;
using Brownian.Jobs.Queues;
using Brownian.Jobs.RabbitMq.Tests.Broadcasts;
using Microsoft.Extensions.Logging.Abstractions;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq.Tests.Queues;

/// <summary>Messages that no worker can handle. These tests have a broker of their own because its users share them.</summary>
public sealed class RabbitMqDeadMessagesTests : IAsyncLifetime
{
    private RabbitMqServer _server = null!;
    private RabbitMqQueues _queues = null!;
    private IConnection _direct = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await RabbitMqServer.StartAsync(Cancelled);
        _queues = TestQueues.Process(_server);
        _direct = await TestQueues.ConnectDirectlyAsync(_server, Cancelled);
    }

    public async ValueTask DisposeAsync()
    {
        await _direct.DisposeAsync();
        await _queues.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Messages_that_cannot_be_read_go_to_the_dead_messages_and_later_ones_are_taken()
    {
        StageQueue queue = TestQueues.Queue();
        await _queues.SendAsync(queue, TestQueues.Message("first"), Cancelled);
        Assert.Equal("first", await _queues.TakeAsync(queue, Cancelled));
        (byte[] Body, string Reason, string? Job)[] bad =
        [
            ("{\"job\":"u8.ToArray(), "cannot be parsed", null),
            ([0xff, 0x00, 0xc3, 0x28, 0x80], "cannot be parsed", null),
            ([], "cannot be parsed", null),
            ("null"u8.ToArray(), "cannot be parsed", null),
            ("{\"version\":1,\"job\":\"half\"}"u8.ToArray(), "cannot be parsed", "half"),
            ("{\"version\":1,\"job\":null,\"stage\":\"denoise\"}"u8.ToArray(), "cannot be parsed", null),
            ("{\"version\":1,\"job\":\"\",\"stage\":\"denoise\"}"u8.ToArray(), "lacks a job or a stage", null),
            ("{\"version\":2,\"job\":\"newer\",\"stage\":\"denoise\"}"u8.ToArray(), "unknown version 2", "newer"),
            (Encoding.UTF8.GetBytes(new string('x', 100_000)), "cannot be parsed", null),
        ];
        await using (IChannel channel = await _direct.CreateChannelAsync(cancellationToken: Cancelled))
        {
            foreach ((byte[] body, _, _) in bad)
            {
                await channel.BasicPublishAsync("", queue.Name, body, Cancelled);
            }
            await channel.CloseAsync(Cancelled);
        }
        await _queues.SendAsync(queue, TestQueues.Message("last"), Cancelled);
        Assert.Equal("last", await _queues.TakeAsync(queue, Cancelled));
        Assert.Equal(bad.Length, await _queues.ReadyAsync(RabbitMqTopology.Dead, Cancelled));
        IReadOnlyList<DeadMessage> dead = await _queues.DrainDeadAsync(Cancelled);
        Assert.Equal(bad.Select(message => message.Job), dead.Select(message => message.Job));
        foreach ((DeadMessage message, (_, string reason, _)) in dead.Zip(bad))
        {
            Assert.Equal(queue.Name, message.Queue);
            Assert.StartsWith(reason, message.Reason, StringComparison.Ordinal);
            Assert.InRange(message.Body.Length, 0, 200);
        }
        // Messages without a job are kept for an operator.
        Assert.Equal(bad.Count(message => message.Job is null), await _queues.ReadyAsync(RabbitMqTopology.Parking, Cancelled));
        Assert.Equal(0, await _queues.ReadyAsync(RabbitMqTopology.Dead, Cancelled));
        Assert.Empty(await _queues.DrainDeadAsync(Cancelled));
    }

    [Fact]
    public async Task A_message_that_the_broker_drops_is_found_with_its_queue_and_reason()
    {
        StageQueue queue = TestQueues.Queue();
        await _queues.SendAsync(queue, TestQueues.Message("given-up"), Cancelled);
        await using IChannel channel = await _direct.CreateChannelAsync(cancellationToken: Cancelled);
        BasicGetResult? got = await channel.BasicGetAsync(queue.Name, autoAck: false, Cancelled);
        await channel.BasicNackAsync(got!.DeliveryTag, multiple: false, requeue: false, Cancelled);
        // The broker moves it without a notice.
        await TestQueues.BecomesAsync(async () => await _queues.ReadyAsync(RabbitMqTopology.Dead, Cancelled) == 1, Cancelled);
        DeadMessage dead = Assert.Single(await _queues.DrainDeadAsync(Cancelled));
        Assert.Equal((queue.Name, "rejected", "given-up"), (dead.Queue, dead.Reason, dead.Job));
    }

    [Fact]
    public async Task Processes_that_start_at_once_with_a_new_broker_send_and_take_messages()
    {
        StageQueue[] shared = [TestQueues.Queue(), TestQueues.Queue()];
        RabbitMqQueues[] processes = [.. Enumerable.Range(0, 6).Select(_ => TestQueues.Process(_server))];
        try
        {
            Task<string>[] takers = [.. processes.SelectMany(process => shared.Select(queue => process.TakeAsync(queue, Cancelled)))];
            await Task.WhenAll(processes.SelectMany(process => shared.Select(queue => process.SendAsync(queue, TestQueues.Message(), Cancelled))));
            await Task.WhenAll(takers);
        }
        finally
        {
            foreach (RabbitMqQueues process in processes)
            {
                await process.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task A_broker_without_queues_has_no_dead_messages()
    {
        Assert.Empty(await _queues.DrainDeadAsync(Cancelled));
    }

    [Fact]
    public async Task A_command_that_cannot_be_read_is_drained_with_the_dead_messages()
    {
        await using var broadcasts = new MassTransitBroadcasts(_server.Uri, "tests", NullLogger<MassTransitBroadcasts>.Instance);
        await broadcasts.StartAsync(Cancelled);
        await using IChannel channel = await _direct.CreateChannelAsync(cancellationToken: Cancelled);
        await broadcasts.WaitUntilReceivedAsync(_server, Cancelled);
        var properties = new BasicProperties { ContentType = "application/vnd.masstransit+json" };
        await channel.BasicPublishAsync(RabbitMqTopology.Commands, "", mandatory: false, properties, "garbage"u8.ToArray(), Cancelled);
        await channel.BasicPublishAsync(
            RabbitMqTopology.Commands,
            "",
            mandatory: false,
            properties,
            "{\"messageType\":[\"urn:message:Else:What\"],\"message\":{}}"u8.ToArray(),
            Cancelled);
        List<DeadMessage> dead = [];
        await TestQueues.BecomesAsync(
            async () =>
            {
                dead.AddRange(await _queues.DrainDeadAsync(Cancelled));
                return dead.Count == 2;
            },
            Cancelled);
        Assert.Equal([RabbitMqTopology.CommandErrors, RabbitMqTopology.CommandsSkipped], dead.Select(message => message.Queue).Order());
        Assert.Equal(2, await _queues.ReadyAsync(RabbitMqTopology.Parking, Cancelled));
    }
}
