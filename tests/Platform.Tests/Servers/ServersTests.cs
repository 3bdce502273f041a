using System.Text;
using RabbitMQ.Client;
using StackExchange.Redis;

namespace Brownian.Testing.Servers;

/// <summary>The servers that the platform's tests start keep the values and messages that they acknowledged.</summary>
public sealed class ServersTests(RealServers servers)
{
    private const string Kept = "kept";
    private static readonly CreateChannelOptions Confirmed = new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Redis_returns_a_stored_value()
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync((await servers.Redis).Configuration);
        await redis.GetDatabase().StringSetAsync("servers-tests:answer", Kept);
        Assert.Equal(Kept, await redis.GetDatabase().StringGetAsync("servers-tests:answer"));
    }

    [Fact]
    public async Task Rabbitmq_returns_a_published_message()
    {
        await using IConnection connection = await ConnectAsync(await servers.RabbitMq);
        await using IChannel channel = await connection.CreateChannelAsync(Confirmed, Cancelled);
        await PublishAsync(channel, "servers-tests-answer");
        Assert.Equal(Kept, await TakeAsync(channel, "servers-tests-answer"));
    }

    [Fact]
    public async Task Redis_killed_or_stopped_keeps_acknowledged_values_and_leaves_no_process()
    {
        RedisServer server = await RedisServer.StartAsync(Cancelled);
        await using (server)
        {
            await using (ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(server.Configuration))
            {
                await redis.GetDatabase().StringSetAsync(Kept, Kept);
                server.Kill();
            }
            await EndedAsync(server);
            await using (ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(server.Configuration))
            {
                Assert.Equal(Kept, await redis.GetDatabase().StringGetAsync(Kept));
            }
            await server.StopAsync();
            await EndedAsync(server);
            await using (ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(server.Configuration))
            {
                Assert.Equal(Kept, await redis.GetDatabase().StringGetAsync(Kept));
            }
            Assert.Single(server.FindProcessIds());
        }
        Assert.Empty(server.FindProcessIds());
    }

    [Fact]
    public async Task Rabbitmq_killed_or_stopped_keeps_confirmed_messages_and_leaves_no_process()
    {
        RabbitMqServer server = await RabbitMqServer.StartAsync(Cancelled);
        await using (server)
        {
            await using (IConnection connection = await ConnectAsync(server))
            {
                await using IChannel channel = await connection.CreateChannelAsync(Confirmed, Cancelled);
                await PublishAsync(channel, Kept);
                await PublishAsync(channel, Kept);
                await server.WaitUntilKeptAsync(Kept, Cancelled);
                server.Kill();
            }
            await EndedAsync(server);
            await using (IConnection connection = await ConnectAsync(server))
            {
                await using IChannel channel = await connection.CreateChannelAsync(Confirmed, Cancelled);
                Assert.Equal(Kept, await TakeAsync(channel, Kept));
            }
            await server.StopAsync();
            await EndedAsync(server);
            await using (IConnection connection = await ConnectAsync(server))
            {
                await using IChannel channel = await connection.CreateChannelAsync(Confirmed, Cancelled);
                Assert.Equal(Kept, await TakeAsync(channel, Kept));
                Assert.Null(await channel.BasicGetAsync(Kept, autoAck: true, Cancelled));
            }
            // Erlang's virtual machine starts further processes.
            Assert.True(server.FindProcessIds().Count > 1);
        }
        Assert.Empty(server.FindProcessIds());
    }

    private static async Task EndedAsync(PrivateServer server)
    {
        Assert.Empty(server.FindProcessIds());
        await server.StartAgainAsync();
    }

    private static Task<IConnection> ConnectAsync(RabbitMqServer server) =>
        new ConnectionFactory { Uri = server.Uri, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(Cancelled);

    private static async Task PublishAsync(IChannel channel, string queue)
    {
        await channel.QueueDeclareAsync(
            queue,
            durable: true,
            exclusive: false,
            autoDelete: false,
            new Dictionary<string, object?> { ["x-queue-type"] = "quorum" },
            cancellationToken: Cancelled);
        await channel.BasicPublishAsync(
            "", queue, mandatory: true, new BasicProperties { Persistent = true }, Encoding.UTF8.GetBytes(Kept), Cancelled);
    }

    private static async Task<string?> TakeAsync(IChannel channel, string queue)
    {
        BasicGetResult? message = await channel.BasicGetAsync(queue, autoAck: false, Cancelled);
        if (message is null)
        {
            return null;
        }
        await channel.BasicAckAsync(message.DeliveryTag, multiple: false, Cancelled);
        return Encoding.UTF8.GetString(message.Body.Span);
    }
}
