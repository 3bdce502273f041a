using System.Net.Security;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// Stage queues in RabbitMQ: quorum queues, so that confirmed messages survive the loss of a broker node. Messages are published on one connection
/// and consumed on another: a broker that is short of memory stops reading from publishers, and must not stop consumers, which empty its queues.
/// </summary>
public sealed class RabbitMqQueues : IStageQueues, IAsyncDisposable
{
    private const int DrainedAtOnce = 1000;
    private const int SendAttempts = 4;
    private static readonly TimeSpan SendPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger;
    private readonly TimeSpan _sendLimit;
    private readonly TimeSpan _pollInterval;
    private readonly RabbitMqConnection _sends;
    private readonly RabbitMqConnection _takes;
    private readonly RabbitMqHints _hints;

    /// <summary>Starts connecting; the broker need not be reachable yet.</summary>
    /// <param name="uri">The broker: <c>amqp://user:password@host:port/vhost</c>, or <c>amqps</c>.</param>
    /// <param name="name">The process's name, for the broker's operators.</param>
    /// <param name="logger">Logs that the broker is unreachable.</param>
    /// <param name="sendLimit">How long a send may take; null for 2 s.</param>
    /// <param name="pollInterval">How soon a waiter polls again without a hint; null for 1 s.</param>
    /// <param name="tls">Returns the TLS options for a host, for each connection by amqps; null for those of the client library.</param>
    public RabbitMqQueues(
        Uri uri, string name, ILogger<RabbitMqQueues> logger, TimeSpan? sendLimit = null, TimeSpan? pollInterval = null,
        Func<string, SslClientAuthenticationOptions>? tls = null)
    {
        ArgumentNullException.ThrowIfNull(uri);
        _logger = logger;
        _sendLimit = sendLimit ?? SendLimit;
        _pollInterval = pollInterval ?? PollInterval;
        _sends = new RabbitMqConnection(uri, $"{name} (sends)", logger, tls);
        _takes = new RabbitMqConnection(uri, $"{name} (takes)", logger, tls);
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
    public async Task<IStageDelivery> TakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken) =>
        (await TakeAsync(queues, endsWhenEmpty: false, cancellationToken).ConfigureAwait(false))!;

    /// <inheritdoc/>
    public Task<IStageDelivery?> TryTakeAsync(IReadOnlyList<StageQueue> queues, CancellationToken cancellationToken) =>
        TakeAsync(queues, endsWhenEmpty: true, cancellationToken);

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
                // A separate channel, because an abandoned request may still be answered on it.
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
            // These messages are removed from the queue, so they must be returned. The next call returns the others.
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

    private async Task<IStageDelivery?> TakeAsync(IReadOnlyList<StageQueue> queues, bool endsWhenEmpty, CancellationToken cancellationToken)
    {
        string[] names = [.. queues.Select(queue => queue.Name)];
        using RabbitMqWaiter waiter = _hints.Add(names);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RabbitMqChannel link = await _takes.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                // Subscribed before polling, so that a hint is received for every message that arrives after the poll.
                await _hints.ListenAsync(link, cancellationToken).ConfigureAwait(false);
                // All queues were empty before the hint, so the hinted queue is polled first; its message may already have been taken.
                string[] order = waiter.TakeHint() is { } hinted ? [hinted, .. names.Where(name => name != hinted)] : names;
                if (await PollAsync(link, order, cancellationToken).ConfigureAwait(false) is { } delivery)
                {
                    return delivery;
                }
            }
            catch (Exception fault) when (RabbitMqChannel.IsOutage(fault))
            {
                cancellationToken.ThrowIfCancellationRequested();
                // The connection breaks; the code above waits for the next one. The pause is for other kinds of faults.
                await Task.Delay(PollInterval, cancellationToken).ConfigureAwait(false);
                continue;
            }
            if (endsWhenEmpty && link.AreDeclared(names))
            {
                return null;
            }
            // There is no hint for a queue that could not be polled and is available again.
            await waiter.WaitAsync(link.AreDeclared(names) ? _pollInterval : PollInterval, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Runs an operation against the broker within a time limit, whatever the broker does.</summary>
    private static async Task<T> WithinAsync<T>(
        RabbitMqConnection connection, TimeSpan limit, Func<CancellationToken, Task<T>> act, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var within = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        within.CancelAfter(limit);
        try
        {
            // Not every call of the client library stops when its token is cancelled.
            return await act(within.Token).WaitAsync(within.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (RabbitMqChannel.IsOutage(fault))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string reason = fault is OperationCanceledException
                ? string.Create(CultureInfo.InvariantCulture, $"did not answer within {limit.TotalSeconds} s")
                : $"cannot complete the operation: {fault.Message}";
            throw new PlatformUnavailableException(PlatformPart.MessageBroker, $"{connection.Broker} {reason}", fault);
        }
    }

    /// <summary>
    /// Gets the next message of a queue. After a cancellation, a message that still arrives is returned to the queue; after a failure, the channel is
    /// dropped.
    /// </summary>
    private async Task<BasicGetResult?> GetAsync(RabbitMqChannel link, IChannel channel, string queue, CancellationToken cancellationToken)
    {
        // Called without the token: after a cancellation the broker would deliver a message that no code handles.
        Task<BasicGetResult?> getting = channel.BasicGetAsync(queue, autoAck: false, CancellationToken.None);
        try
        {
            return await getting.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _ = ReturnAsync(link, channel, queue, getting);
            throw;
        }
        catch
        {
            RabbitMqChannel.Drop(channel);
            throw;
        }
    }

    private async Task ReturnAsync(RabbitMqChannel link, IChannel channel, string queue, Task<BasicGetResult?> getting)
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
            // Closing the channel also returns the message to its queue.
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
                        // The queue does not exist, or another process is declaring it at this moment, or the connection was broken. A message that
                        // arrives twice is harmless.
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
            // Returns after the broker's confirmation; throws for a message that is unroutable or that the broker refuses.
            await channel.BasicPublishAsync("", queue, mandatory: true, properties, body, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            RabbitMqChannel.Drop(channel);
            throw;
        }
        link.Return(channel, confirming: true);
    }

    private async Task<RabbitMqDelivery?> PollAsync(RabbitMqChannel link, string[] queues, CancellationToken cancellationToken)
    {
        foreach (string queue in queues.Where(link.CanPoll))
        {
            try
            {
                await link.DeclareAsync(queue, cancellationToken).ConfigureAwait(false);
                if (await PollAsync(link, queue, cancellationToken).ConfigureAwait(false) is { } delivery)
                {
                    return delivery;
                }
            }
            catch (Exception fault) when (RabbitMqChannel.IsMissing(fault))
            {
                // It is declared again by the next poll.
                link.Forget(queue);
            }
            catch (Exception fault) when (RabbitMqChannel.IsOutage(fault) && link.IsOpen && !cancellationToken.IsCancellationRequested)
            {
                link.Suspend(queue);
                PlatformLog.Unavailable(_logger, $"{_takes.Broker}: {queue}", fault.Message);
            }
        }
        return null;
    }

    private async Task<RabbitMqDelivery?> PollAsync(RabbitMqChannel link, string queue, CancellationToken cancellationToken)
    {
        IChannel channel = await link.RentAsync(confirming: false, cancellationToken).ConfigureAwait(false);
        while (await GetAsync(link, channel, queue, cancellationToken).ConfigureAwait(false) is { } got)
        {
            (StageMessage? message, string reason) = RabbitMqMessages.Read(got.Body.Span);
            if (message is not null)
            {
                return new RabbitMqDelivery(link, channel, got.DeliveryTag, message);
            }
            await DeadLetterAsync(channel, queue, reason, got, cancellationToken).ConfigureAwait(false);
        }
        link.Return(channel, confirming: false);
        return null;
    }

    /// <summary>Moves an invalid message to the dead-letter queue.</summary>
    private async Task DeadLetterAsync(IChannel channel, string queue, string reason, BasicGetResult message, CancellationToken cancellationToken)
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
                // The broker accepts no message now. The negative acknowledgement lets the broker dead-letter the message itself, with less
                // information, so that the messages behind it are not blocked.
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
            // The queue does not exist, so it has no messages.
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
                // The message names no job whose record could report it, so it is kept in a queue for operators.
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
