using Brownian.Jobs.Queues;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// Queues in RabbitMQ: replicated ones, where what is confirmed survives the broker's death. Messages go out on one connection and come in
/// on another: a broker short of memory stops reading from senders, and must not stop consumers, which empty its queues.
/// </summary>
public sealed class RabbitMqQueues : IStageQueues, IAsyncDisposable
{
    private const int DrainedAtOnce = 1000;
    private const int SendAttempts = 4;
    private static readonly TimeSpan SendPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger;
    private readonly TimeSpan _sendLimit;
    private readonly TimeSpan _lookAgain;
    private readonly RabbitMqConnection _sends;
    private readonly RabbitMqConnection _takes;
    private readonly RabbitMqHints _hints;

    /// <summary>Begins to connect; the broker need not be there yet.</summary>
    /// <param name="uri">The broker: <c>amqp://user:password@host:port/vhost</c>, or <c>amqps</c>.</param>
    /// <param name="name">The process's name, for the broker's operators.</param>
    /// <param name="logger">Where it says that the broker is away.</param>
    /// <param name="sendLimit">How long a send may take; 2 s unless told.</param>
    /// <param name="lookAgain">How soon a waiter polls again without a hint of a message; 1 s where it is null.</param>
    public RabbitMqQueues(Uri uri, string name, ILogger<RabbitMqQueues> logger, TimeSpan? sendLimit = null, TimeSpan? lookAgain = null)
    {
        ArgumentNullException.ThrowIfNull(uri);
        _logger = logger;
        _sendLimit = sendLimit ?? SendLimit;
        _lookAgain = lookAgain ?? LookAgain;
        _sends = new RabbitMqConnection(uri, $"{name} (sends)", logger);
        _takes = new RabbitMqConnection(uri, $"{name} (takes)", logger);
        _hints = new RabbitMqHints(_sends);
        _hints.Start();
    }

    /// <inheritdoc/>
    public bool IsConnected => _sends.IsOpen && _takes.IsOpen;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The message is too large.</exception>
    public async Task SendAsync(StageQueue queue, StageMessage message, CancellationToken cancellationToken)
    {
        byte[] body = RabbitMqMessages.Write(message);
        FaultPoint.Reach("before publish");
        await PublishAsync(queue.Name, RabbitMqMessages.Properties(), body, cancellationToken).ConfigureAwait(false);
        FaultPoint.Reach("after publish");
        _hints.Publish(queue.Name);
    }

    /// <inheritdoc/>
    public async Task<IStageDelivery> TakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken)
    {
        string[] names = [.. queues.Select(queue => queue.Name)];
        using RabbitMqWaiter waiter = _hints.Add(names);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RabbitMqChannel link = await _takes.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                // Before the look: what comes after it is heard of.
                await _hints.ListenAsync(link, cancellationToken).ConfigureAwait(false);
                // All were empty before the hint: where it points to is a message, or already none.
                string[] looks = waiter.TakeHint() is { } hinted ? [hinted, .. names.Where(name => name != hinted)] : names;
                if (await LookAsync(link, looks, cancellationToken).ConfigureAwait(false) is { } delivery)
                {
                    return delivery;
                }
            }
            catch (Exception fault) when (RabbitMqChannel.IsOutage(fault) && !cancellationToken.IsCancellationRequested)
            {
                // The connection breaks; the next one is waited for above. The pause is for faults of another kind.
                await Task.Delay(LookAgain, cancellationToken).ConfigureAwait(false);
                continue;
            }
            // No hint tells that a queue is back which could not be looked at.
            await waiter.WaitAsync(link.AreDeclared(names) ? _lookAgain : LookAgain, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public Task<long> ReadyAsync(string queue, CancellationToken cancellationToken) => WithinAsync(
        _takes,
        _sendLimit,
        async token =>
        {
            RabbitMqChannel link = await _takes.GetAsync(token).ConfigureAwait(false);
            IChannel channel = await link.RentAsync(confirming: false, token).ConfigureAwait(false);
            try
            {
                QueueDeclareOk declared = await channel.QueueDeclarePassiveAsync(queue, token).ConfigureAwait(false);
                return (long)declared.MessageCount;
            }
            catch (Exception fault) when (RabbitMqChannel.IsMissing(fault))
            {
                return 0;
            }
            finally
            {
                // A channel of its own: a question that was given up may still be answered.
                RabbitMqChannel.Drop(channel);
            }
        },
        cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DeadMessage>> DrainDeadAsync(CancellationToken cancellationToken)
    {
        List<DeadMessage> drained = [];
        try
        {
            await WithinAsync(
                _takes,
                DrainLimit,
                async token =>
                {
                    RabbitMqChannel link = await _takes.GetAsync(token).ConfigureAwait(false);
                    foreach (string queue in RabbitMqTopology.DeadQueues)
                    {
                        await DrainAsync(link, queue, drained, token).ConfigureAwait(false);
                    }
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is PlatformUnavailableException or OperationCanceledException && drained.Count > 0)
        {
            // These are removed from the queue, so the caller must get them. The next call gets the others.
        }
        return [.. drained];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _hints.DisposeAsync().ConfigureAwait(false);
        await _takes.DisposeAsync().ConfigureAwait(false);
        await _sends.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Does something with the broker that must not take longer than it is said, whatever the broker does.</summary>
    private static async Task<T> WithinAsync<T>(
        RabbitMqConnection connection, TimeSpan limit, Func<CancellationToken, Task<T>> act, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var within = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        within.CancelAfter(limit);
        try
        {
            // Not every call of the client ends when it is told to.
            return await act(within.Token).WaitAsync(within.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (RabbitMqChannel.IsOutage(fault))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string reason = fault is OperationCanceledException
                ? string.Create(CultureInfo.InvariantCulture, $"did not answer in {limit.TotalSeconds} s")
                : $"cannot do it: {fault.Message}";
            throw new PlatformUnavailableException(PlatformPart.MessageBroker, $"{connection.Broker} {reason}", fault);
        }
    }

    /// <summary>
    /// The next message of a queue. When this is cancelled, a message that comes nevertheless goes back; when it fails, the channel goes.
    /// </summary>
    private async Task<BasicGetResult?> GetAsync(RabbitMqChannel link, IChannel channel, string queue, CancellationToken cancellationToken)
    {
        // Without the token: after a cancellation the broker would deliver a message that no code sees.
        Task<BasicGetResult?> getting = channel.BasicGetAsync(queue, autoAck: false, CancellationToken.None);
        try
        {
            return await getting.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _ = GiveBackAsync(link, channel, queue, getting);
            throw;
        }
        catch
        {
            RabbitMqChannel.Drop(channel);
            throw;
        }
    }

    private async Task GiveBackAsync(RabbitMqChannel link, IChannel channel, string queue, Task<BasicGetResult?> getting)
    {
        try
        {
            if (await getting.ConfigureAwait(false) is { } message)
            {
                await channel.BasicNackAsync(message.DeliveryTag, multiple: false, requeue: true).ConfigureAwait(false);
                _hints.Publish(queue);
            }
            link.Return(channel, confirming: false);
        }
        catch (Exception fault) when (RabbitMqChannel.IsOutage(fault))
        {
            // With the channel the message goes back too.
            RabbitMqChannel.Drop(channel);
        }
    }

    private async Task PublishAsync(string queue, BasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        await WithinAsync(
            _sends,
            _sendLimit,
            async token =>
            {
                for (int attempt = 1; ; attempt++)
                {
                    RabbitMqChannel link = await _sends.GetAsync(token).ConfigureAwait(false);
                    try
                    {
                        await PublishAsync(link, queue, properties, body, token).ConfigureAwait(false);
                        return true;
                    }
                    catch (Exception fault) when (attempt < SendAttempts && RabbitMqChannel.IsOutage(fault))
                    {
                        // The queue is gone, or another process declares it at this moment, or the connection was broken. A message that
                        // comes twice does no harm.
                        link.Forget(queue);
                        await Task.Delay(SendPause * attempt, token).ConfigureAwait(false);
                    }
                }
            },
            cancellationToken).ConfigureAwait(false);

    private static async Task PublishAsync(
        RabbitMqChannel link, string queue, BasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        await link.UnblockedAsync(cancellationToken).ConfigureAwait(false);
        await link.DeclareAsync(queue, cancellationToken).ConfigureAwait(false);
        IChannel channel = await link.RentAsync(confirming: true, cancellationToken).ConfigureAwait(false);
        try
        {
            // Returns with the broker's confirmation; a message that no queue takes, or that the broker refuses, throws.
            await channel.BasicPublishAsync("", queue, mandatory: true, properties, body, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            RabbitMqChannel.Drop(channel);
            throw;
        }
        link.Return(channel, confirming: true);
    }

    private async Task<RabbitMqDelivery?> LookAsync(RabbitMqChannel link, string[] queues, CancellationToken cancellationToken)
    {
        foreach (string queue in queues.Where(link.MayAsk))
        {
            try
            {
                await link.DeclareAsync(queue, cancellationToken).ConfigureAwait(false);
                if (await LookAsync(link, queue, cancellationToken).ConfigureAwait(false) is { } delivery)
                {
                    return delivery;
                }
            }
            catch (Exception fault) when (RabbitMqChannel.IsMissing(fault))
            {
                // It comes back with the next look.
                link.Forget(queue);
            }
            catch (Exception fault) when (RabbitMqChannel.IsOutage(fault) && link.IsOpen && !cancellationToken.IsCancellationRequested)
            {
                link.LetRest(queue);
                PlatformLog.Away(_logger, $"{_takes.Broker}: {queue}", fault.Message);
            }
        }
        return null;
    }

    private async Task<RabbitMqDelivery?> LookAsync(RabbitMqChannel link, string queue, CancellationToken cancellationToken)
    {
        IChannel channel = await link.RentAsync(confirming: false, cancellationToken).ConfigureAwait(false);
        while (await GetAsync(link, channel, queue, cancellationToken).ConfigureAwait(false) is { } got)
        {
            (StageMessage? message, string reason) = RabbitMqMessages.Read(got.Body.Span);
            if (message is not null)
            {
                return new RabbitMqDelivery(link, channel, got.DeliveryTag, message);
            }
            await BuryAsync(channel, queue, reason, got, cancellationToken).ConfigureAwait(false);
        }
        link.Return(channel, confirming: false);
        return null;
    }

    /// <summary>Sends a message on to the dead ones.</summary>
    private async Task BuryAsync(IChannel channel, string queue, string reason, BasicGetResult message, CancellationToken cancellationToken)
    {
        try
        {
            try
            {
                BasicProperties properties = RabbitMqMessages.DeadProperties(queue, reason);
                await PublishAsync(RabbitMqTopology.Dead, properties, message.Body, cancellationToken).ConfigureAwait(false);
                await channel.BasicAckAsync(message.DeliveryTag, multiple: false, cancellationToken).ConfigureAwait(false);
            }
            catch (PlatformUnavailableException)
            {
                // The broker takes nothing now. It sends the message on itself, only with less to say, and those behind it are not held up.
                await channel.BasicNackAsync(message.DeliveryTag, multiple: false, requeue: false, cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            RabbitMqChannel.Drop(channel);
            throw;
        }
    }

    private async Task DrainAsync(RabbitMqChannel link, string queue, List<DeadMessage> drained, CancellationToken cancellationToken)
    {
        IChannel channel = await link.RentAsync(confirming: false, cancellationToken).ConfigureAwait(false);
        try
        {
            while (drained.Count < DrainedAtOnce
                && await GetAsync(link, channel, queue, cancellationToken).ConfigureAwait(false) is { } got)
            {
                await DrainAsync(channel, queue, got, drained, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (RabbitMqChannel.IsMissing(fault))
        {
            // Then there is nothing in it.
            return;
        }
        link.Return(channel, confirming: false);
    }

    private async Task DrainAsync(
        IChannel channel, string queue, BasicGetResult got, List<DeadMessage> drained, CancellationToken cancellationToken)
    {
        try
        {
            DeadMessage dead = RabbitMqMessages.ReadDead(queue, got.BasicProperties, got.Body.Span);
            if (dead.Job is null)
            {
                // No job's record will tell of it, so it stays where an operator can see it.
                BasicProperties properties = RabbitMqMessages.DeadProperties(dead.Queue, dead.Reason);
                await PublishAsync(RabbitMqTopology.Parking, properties, got.Body, cancellationToken).ConfigureAwait(false);
            }
            await channel.BasicAckAsync(got.DeliveryTag, multiple: false, cancellationToken).ConfigureAwait(false);
            drained.Add(dead);
        }
        catch
        {
            RabbitMqChannel.Drop(channel);
            throw;
        }
    }
}
