using System.Text;
using System.Threading.Channels;
using Brownian.Contracts;
using Brownian.Testing.Nodes;
using Brownian.Testing.Servers;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Brownian.Testing.Events;

/// <summary>A queue that is bound to the exchanges of events by plain RabbitMQ.Client before the first event is published.</summary>
internal sealed class EventQueue : IAsyncDisposable
{
    private readonly Channel<PublishedEvent> _events = Channel.CreateUnbounded<PublishedEvent>();
    private readonly RabbitMqServer _server;
    private readonly Uri _broker;
    private readonly string _queue = $"events-{Guid.NewGuid():n}";
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    private EventQueue(RabbitMqServer server, Uri broker) => (_server, _broker) = (server, broker);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Binds a queue to the three exchanges.</summary>
    /// <param name="server">The broker.</param>
    /// <param name="key">The binding's key, for example <c>MODEL.*</c>.</param>
    /// <param name="broker">The address of a virtual host; null for the default one.</param>
    public static async Task<EventQueue> BindAsync(RabbitMqServer server, string key, Uri? broker = null)
    {
        var queue = new EventQueue(server, broker ?? server.Uri);
        await queue.ConnectAsync();
        await queue._channel.QueueDeclareAsync(queue._queue, durable: true, exclusive: false, autoDelete: false, cancellationToken: Stop);
        foreach (string exchange in (string[])[EventExchanges.JobAccepted, EventExchanges.JobStarted, EventExchanges.JobEnded])
        {
            // These must equal the platform's declarations, or the broker refuses one of the two.
            await queue._channel.ExchangeDeclareAsync(exchange, ExchangeType.Topic, durable: true, autoDelete: false, cancellationToken: Stop);
            await queue._channel.QueueBindAsync(queue._queue, exchange, key, cancellationToken: Stop);
        }
        await queue.ConsumeAsync();
        return queue;
    }

    /// <summary>Connects and consumes again after the broker was unavailable.</summary>
    public async Task ConnectAgainAsync()
    {
        await _connection.DisposeAsync();
        await ConnectAsync();
        await ConsumeAsync();
    }

    /// <summary>
    /// Restarts the broker, so that exchanges, queue and bindings are on its disk: RabbitMQ 3.10 answers a declaration before it is, and a broker
    /// that is killed then comes back with a queue without bindings.
    /// </summary>
    public async Task KeepAsync()
    {
        await _server.StopAsync();
        await _server.StartAgainAsync();
        await ConnectAgainAsync();
    }

    /// <summary>The next event.</summary>
    public async Task<PublishedEvent> NextAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(Eventually.Deadline);
        return await _events.Reader.ReadAsync(deadline.Token);
    }

    /// <summary>All events until each of some ids has arrived.</summary>
    public async Task<IReadOnlyList<PublishedEvent>> UntilAsync(params IEnumerable<string> ids)
    {
        HashSet<string> missing = [.. ids];
        var events = new List<PublishedEvent>();
        while (missing.Count > 0)
        {
            events.Add(await NextAsync());
            missing.Remove(events[^1].Id);
        }
        return events;
    }

    public async ValueTask DisposeAsync()
    {
        if (_channel.IsOpen)
        {
            await _channel.QueueDeleteAsync(_queue, cancellationToken: CancellationToken.None);
        }
        await _connection.DisposeAsync();
    }

    private async Task ConnectAsync()
    {
        _connection = await new ConnectionFactory { Uri = _broker, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(Stop);
        _channel = await _connection.CreateChannelAsync(cancellationToken: Stop);
    }

    private async Task ConsumeAsync()
    {
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += (_, got) =>
        {
            // They are copied because the client reuses its buffers.
            var properties = new BasicProperties(got.BasicProperties);
            _events.Writer.TryWrite(new PublishedEvent(got.Exchange, got.RoutingKey, properties, Encoding.UTF8.GetString(got.Body.Span)));
            return Task.CompletedTask;
        };
        await _channel.BasicConsumeAsync(_queue, autoAck: true, consumer, Stop);
    }
}
