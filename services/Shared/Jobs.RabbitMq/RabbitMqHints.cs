using System.Threading.Channels;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// Broadcasts hints: tells idle workers, in all processes, which queue has a message, so that they poll it at once. A hint may be lost; workers also
/// poll periodically.
/// </summary>
/// <param name="sends">The connection on which hints are published.</param>
internal sealed class RabbitMqHints(RabbitMqConnection sends) : IAsyncDisposable
{
    private readonly Channel<string> _hints =
        Channel.CreateBounded<string>(new BoundedChannelOptions(1024) { FullMode = BoundedChannelFullMode.DropOldest });

    private readonly Lock _lock = new();
    private readonly List<RabbitMqWaiter> _waiters = [];
    private readonly SemaphoreSlim _listening = new(1);
    private readonly CancellationTokenSource _stopping = new();
    private IChannel? _consumer;
    private Task _forwarding = Task.CompletedTask;

    /// <summary>Starts publishing queued hints.</summary>
    public void Start() => _forwarding = Task.Run(PassOnAsync);

    /// <summary>Adds a waiter for messages of these queues.</summary>
    public RabbitMqWaiter Add(IReadOnlyCollection<string> queues)
    {
        var waiter = new RabbitMqWaiter(queues, Remove);
        lock (_lock)
        {
            _waiters.Add(waiter);
        }
        return waiter;
    }

    /// <summary>Publishes that a message waits in a queue, without waiting for a confirmation.</summary>
    public void Publish(string queue) => _hints.Writer.TryWrite(queue);

    /// <summary>Subscribes to the hints of other processes, unless already subscribed.</summary>
    public async Task ListenAsync(RabbitMqChannel link, CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _consumer) is { IsOpen: true })
        {
            return;
        }
        await _listening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_consumer is { IsOpen: true })
            {
                return;
            }
            IChannel channel = await link.RentAsync(confirming: false, cancellationToken).ConfigureAwait(false);
            try
            {
                string queue = await RabbitMqTopology.DeclareHintQueueAsync(channel, cancellationToken).ConfigureAwait(false);
                var consumer = new AsyncEventingBasicConsumer(channel);
                consumer.ReceivedAsync += OnHintAsync;
                // The queue was deleted, or the connection broke: each waiter must poll, and subscribe again.
                consumer.UnregisteredAsync += (_, _) => OnConsumerLostAsync(channel);
                consumer.ShutdownAsync += (_, _) => OnConsumerLostAsync(channel);
                await channel.BasicConsumeAsync(queue, autoAck: true, consumer, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                RabbitMqChannel.Drop(channel);
                throw;
            }
            Volatile.Write(ref _consumer, channel);
        }
        catch (Exception fault) when (RabbitMqChannel.IsOutage(fault) && link.IsOpen && !cancellationToken.IsCancellationRequested)
        {
            // Unsubscribed for now. Waiters poll.
        }
        finally
        {
            _listening.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _forwarding.ConfigureAwait(false);
        _stopping.Dispose();
        _listening.Dispose();
    }

    private void Remove(RabbitMqWaiter waiter)
    {
        lock (_lock)
        {
            _waiters.Remove(waiter);
        }
    }

    private void Wake(string? queue)
    {
        lock (_lock)
        {
            foreach (RabbitMqWaiter waiter in _waiters)
            {
                if (queue is null || waiter.Watches(queue))
                {
                    waiter.Wake(queue);
                }
            }
        }
    }

    private Task OnHintAsync(object sender, BasicDeliverEventArgs hint)
    {
        Wake(hint.RoutingKey);
        return Task.CompletedTask;
    }

    private Task OnConsumerLostAsync(IChannel channel)
    {
        if (Interlocked.CompareExchange(ref _consumer, null, channel) == channel)
        {
            RabbitMqChannel.Drop(channel);
        }
        Wake(null);
        return Task.CompletedTask;
    }

    private async Task PassOnAsync()
    {
        try
        {
            await foreach (string queue in _hints.Reader.ReadAllAsync(_stopping.Token).ConfigureAwait(false))
            {
                try
                {
                    await PassOnAsync(queue).ConfigureAwait(false);
                }
                catch (Exception fault) when (RabbitMqChannel.IsOutage(fault) && !_stopping.IsCancellationRequested)
                {
                    // This hint is lost.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The process exits.
        }
    }

    private async Task PassOnAsync(string queue)
    {
        RabbitMqChannel link = await sends.GetAsync(_stopping.Token).ConfigureAwait(false);
        await link.UnblockedAsync(_stopping.Token).ConfigureAwait(false);
        IChannel channel = await link.RentAsync(confirming: false, _stopping.Token).ConfigureAwait(false);
        try
        {
            // Declaring the exchange each time costs a round trip, but not on the sender's path, and recreates an exchange that was deleted.
            await RabbitMqTopology.DeclareHintsAsync(channel, _stopping.Token).ConfigureAwait(false);
            await channel.BasicPublishAsync(RabbitMqTopology.Hints, queue, ReadOnlyMemory<byte>.Empty, _stopping.Token).ConfigureAwait(false);
        }
        catch
        {
            RabbitMqChannel.Drop(channel);
            throw;
        }
        link.Return(channel, confirming: false);
    }
}
