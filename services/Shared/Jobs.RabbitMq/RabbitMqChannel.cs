using System.Collections.Concurrent;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// A connection from start to end, with its channels. A channel serves one user at a time, so a fault on the channel of one message (the broker
/// closes a channel when its queue does not exist) does not affect the others.
/// </summary>
internal sealed class RabbitMqChannel : IAsyncDisposable
{
    private static readonly CreateChannelOptions Confirming =
        new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);
    private static readonly CreateChannelOptions Plain =
        new(publisherConfirmationsEnabled: false, publisherConfirmationTrackingEnabled: false);

    /// <summary>
    /// How long a queue that does not answer, or that is declared with other arguments, is not polled, so that it does not delay the other queues.
    /// </summary>
    private static readonly TimeSpan SuspendTime = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    private readonly IConnection _connection;
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, bool> _declared = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _suspended = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _declaring = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<IChannel> _plain = [];
    private readonly ConcurrentBag<IChannel> _confirming = [];
    private volatile TaskCompletionSource? _blocked;

    public RabbitMqChannel(IConnection connection)
    {
        _connection = connection;
        connection.ConnectionShutdownAsync += OnShutdownAsync;
        connection.ConnectionBlockedAsync += OnBlockedAsync;
        connection.ConnectionUnblockedAsync += OnUnblockedAsync;
        if (!connection.IsOpen)
        {
            _closed.TrySetResult(connection.CloseReason?.ReplyText ?? "");
        }
    }

    /// <summary>Whether the connection can be used.</summary>
    public bool IsOpen => _connection.IsOpen && !_closed.Task.IsCompleted;

    /// <summary>Whether the broker has stopped reading from this connection because of a memory or disk alarm.</summary>
    public bool IsBlocked => _blocked is not null;

    /// <summary>Completes when the connection ends, with the reason.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>Completes when this connection is no longer handed out.</summary>
    public Task Replaced => _replaced.Task;

    /// <summary>Whether an exception is caused by the broker or the connection to it.</summary>
    public static bool IsOutage(Exception fault) =>
        fault is RabbitMQClientException or IOException or TimeoutException or ObjectDisposedException or OperationCanceledException
            or System.Net.Sockets.SocketException or System.Threading.Channels.ChannelClosedException;

    /// <summary>Whether the broker reports that a queue or exchange does not exist.</summary>
    public static bool IsMissing(Exception fault) => fault is OperationInterruptedException { ShutdownReason.ReplyCode: Constants.NotFound };

    /// <summary>Waits until the broker reads again.</summary>
    public async Task UnblockedAsync(CancellationToken cancellationToken)
    {
        while (_blocked is { } blocked)
        {
            await blocked.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Rents a channel to one user, until <see cref="Return"/> or <see cref="Drop"/> is called.</summary>
    /// <param name="confirming">Whether messages published on it are confirmed.</param>
    /// <param name="cancellationToken">Stops waiting, but not the creation: a half-created channel would leak in the connection.</param>
    public async Task<IChannel> RentAsync(bool confirming, CancellationToken cancellationToken)
    {
        while ((confirming ? _confirming : _plain).TryTake(out IChannel? idle))
        {
            if (idle.IsOpen)
            {
                return idle;
            }
            Drop(idle);
        }
        Task<IChannel> making = _connection.CreateChannelAsync(confirming ? Confirming : Plain, CancellationToken.None);
        try
        {
            return await making.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = ReturnMadeAsync(making, confirming);
            throw;
        }
    }

    /// <summary>Returns a channel for the next user.</summary>
    public void Return(IChannel channel, bool confirming)
    {
        if (channel.IsOpen)
        {
            (confirming ? _confirming : _plain).Add(channel);
        }
        else
        {
            Drop(channel);
        }
    }

    /// <summary>
    /// Closes a channel of unknown state in the background. Unacknowledged messages that were delivered on it return to their queues.
    /// </summary>
    public static void Drop(IChannel channel) => _ = DropAsync(channel);

    /// <summary>Declares a queue, once on this connection, and for a stage queue the queue of dead messages before it.</summary>
    public async Task DeclareAsync(string queue, CancellationToken cancellationToken)
    {
        if (_declared.ContainsKey(queue))
        {
            return;
        }
        using IDisposable turn = await TakeTurnAsync(queue, cancellationToken).ConfigureAwait(false);
        if (_declared.ContainsKey(queue))
        {
            return;
        }
        if (queue is not RabbitMqTopology.Dead and not RabbitMqTopology.Parking)
        {
            // Every time: the queue of dead messages may have been deleted with the stage queue.
            using IDisposable deadTurn = await TakeTurnAsync(RabbitMqTopology.Dead, cancellationToken).ConfigureAwait(false);
            await DeclareNowAsync(RabbitMqTopology.Dead, cancellationToken).ConfigureAwait(false);
        }
        await DeclareNowAsync(queue, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether all of these queues are declared, and none was found missing or unresponsive since.</summary>
    public bool AreDeclared(IEnumerable<string> queues) => queues.All(_declared.ContainsKey);

    /// <summary>Marks a queue as missing, so that it is declared again before its next use.</summary>
    public void Forget(string queue) => _declared.TryRemove(queue, out _);

    /// <summary>Whether a queue may be polled now.</summary>
    public bool CanPoll(string queue) => !_suspended.TryGetValue(queue, out long until) || Environment.TickCount64 > until;

    /// <summary>Stops polling a queue for a while, after polling it failed.</summary>
    public void Suspend(string queue)
    {
        Forget(queue);
        _suspended[queue] = Environment.TickCount64 + (long)SuspendTime.TotalMilliseconds;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _closed.TrySetResult("closed");
        _replaced.TrySetResult();
        _blocked?.TrySetResult();
        try
        {
            await EndAsync().WaitAsync(EndLimit).ConfigureAwait(false);
        }
        catch (Exception fault) when (IsOutage(fault))
        {
            // It is closed already, or the broker does not answer and closes it once heartbeats are missing.
        }
    }

    private async Task EndAsync()
    {
        // An orderly close first, so that acknowledgements written a moment ago arrive.
        await _connection.CloseAsync(EndLimit / 2).ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task DropAsync(IChannel channel)
    {
        try
        {
            await channel.AbortAsync().ConfigureAwait(false);
            await channel.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (IsOutage(fault))
        {
            // It is already closed, which is the requested result.
        }
    }

    /// <summary>
    /// Serializes the declarations of one queue: RabbitMQ 3.10 breaks the connection of a declaration that arrives while the queue is being created.
    /// Declarations of different queues are not serialized, so that a queue that does not answer blocks no other.
    /// </summary>
    private async Task<IDisposable> TakeTurnAsync(string queue, CancellationToken cancellationToken)
    {
        SemaphoreSlim turn = _declaring.GetOrAdd(queue, _ => new SemaphoreSlim(1));
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Turn(turn);
    }

    private async Task DeclareNowAsync(string queue, CancellationToken cancellationToken)
    {
        IChannel channel = await RentAsync(confirming: false, cancellationToken).ConfigureAwait(false);
        try
        {
            await RabbitMqTopology.DeclareAsync(channel, queue, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Drop(channel);
            throw;
        }
        Return(channel, confirming: false);
        _declared[queue] = true;
    }

    private async Task ReturnMadeAsync(Task<IChannel> making, bool confirming)
    {
        try
        {
            Return(await making.ConfigureAwait(false), confirming);
        }
        catch (Exception fault) when (IsOutage(fault))
        {
            // There is no channel to return.
        }
    }

    private Task OnShutdownAsync(object sender, ShutdownEventArgs shutdown)
    {
        _closed.TrySetResult(shutdown.ReplyText);
        // Ends the wait of senders that wait for the broker to read again.
        _blocked?.TrySetResult();
        _blocked = null;
        return Task.CompletedTask;
    }

    private Task OnBlockedAsync(object sender, ConnectionBlockedEventArgs blocked)
    {
        _blocked ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return Task.CompletedTask;
    }

    private Task OnUnblockedAsync(object sender, AsyncEventArgs unblocked)
    {
        TaskCompletionSource? blocked = _blocked;
        _blocked = null;
        blocked?.TrySetResult();
        return Task.CompletedTask;
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
