using System.Collections.Concurrent;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// One connection, from its start to its end, with its channels. A channel serves one user at a time: what goes wrong with one message's
/// channel (the broker closes it when a queue is gone) does not touch the others.
/// </summary>
internal sealed class RabbitMqChannel : IAsyncDisposable
{
    private static readonly CreateChannelOptions Confirming =
        new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);
    private static readonly CreateChannelOptions Plain =
        new(publisherConfirmationsEnabled: false, publisherConfirmationTrackingEnabled: false);

    /// <summary>
    /// How long a queue that does not answer, or that is declared with other arguments, is not asked again: the others are not to wait for it.
    /// </summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    private readonly IConnection _connection;
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, bool> _declared = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _resting = new(StringComparer.Ordinal);
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

    /// <summary>Whether it can be used.</summary>
    public bool IsOpen => _connection.IsOpen && !_closed.Task.IsCompleted;

    /// <summary>Whether the broker reads nothing now that is sent to it, by an alarm of its memory or disk.</summary>
    public bool IsBlocked => _blocked is not null;

    /// <summary>Ends when the connection does, with the reason.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>Ends when this connection is no longer handed out.</summary>
    public Task Replaced => _replaced.Task;

    /// <summary>Whether a fault comes from the broker or from the way to it.</summary>
    public static bool IsOutage(Exception fault) =>
        fault is RabbitMQClientException or IOException or TimeoutException or ObjectDisposedException or OperationCanceledException
            or System.Net.Sockets.SocketException or System.Threading.Channels.ChannelClosedException;

    /// <summary>Whether the broker says that there is no such queue or exchange.</summary>
    public static bool IsMissing(Exception fault) => fault is OperationInterruptedException { ShutdownReason.ReplyCode: Constants.NotFound };

    /// <summary>Waits while the broker reads nothing.</summary>
    public async Task UnblockedAsync(CancellationToken cancellationToken)
    {
        while (_blocked is { } blocked)
        {
            await blocked.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A channel for one user, until he calls <see cref="Return"/> or <see cref="Drop"/>.</summary>
    /// <param name="confirming">Whether what is published on it is confirmed.</param>
    /// <param name="cancellationToken">Ends the wait, not the making: a channel half made would be lost to the connection.</param>
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

    /// <summary>The channel can serve another.</summary>
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
    /// The state of the channel is unknown: it is closed in the background, and messages that were delivered on it return to their queues.
    /// </summary>
    public static void Drop(IChannel channel) => _ = DropAsync(channel);

    /// <summary>Declares a queue, once on this connection.</summary>
    public async Task DeclareAsync(string queue, CancellationToken cancellationToken)
    {
        if (_declared.ContainsKey(queue))
        {
            return;
        }
        // One at a time, for RabbitMQ 3.10 answers the second before it has made what the first declared. Not one at a time for all queues:
        // one that the broker does not answer is to hold up no other.
        SemaphoreSlim turn = _declaring.GetOrAdd(queue, _ => new SemaphoreSlim(1));
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_declared.ContainsKey(queue))
            {
                await DeclareNowAsync(queue, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Whether all of these are declared, and none of them was found gone or silent since.</summary>
    public bool AreDeclared(IEnumerable<string> queues) => queues.All(_declared.ContainsKey);

    /// <summary>The queue is gone: it is declared again when it is used again.</summary>
    public void Forget(string queue) => _declared.TryRemove(queue, out _);

    /// <summary>Whether a queue is to be asked.</summary>
    public bool MayAsk(string queue) => !_resting.TryGetValue(queue, out long until) || Environment.TickCount64 > until;

    /// <summary>A queue could not be asked.</summary>
    public void LetRest(string queue)
    {
        Forget(queue);
        _resting[queue] = Environment.TickCount64 + (long)Rest.TotalMilliseconds;
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
            // It is closed already, or the broker does not answer, and closes it when heartbeats are missing.
        }
    }

    private async Task EndAsync()
    {
        // In its own order first: acknowledgements that were written a moment ago are to arrive.
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
            // It is gone: that is what was wanted.
        }
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
            // Then there is none to return.
        }
    }

    private Task OnShutdownAsync(object sender, ShutdownEventArgs shutdown)
    {
        _closed.TrySetResult(shutdown.ReplyText);
        // Senders that wait for the broker to read again learn that it is gone.
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
}
