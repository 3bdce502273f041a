using System.Net.Security;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// Keeps a connection to the broker: connects, and reconnects whenever the connection breaks, until it is disposed. The client library's recovery is
/// off: it would allow an old delivery to be acknowledged on a new channel, where its number belongs to another message.
/// </summary>
internal sealed class RabbitMqConnection : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly ConnectionFactory _factory;
    private readonly Func<SslClientAuthenticationOptions>? _tls;
    private readonly ILogger _logger;
    private readonly Task _running;
    private volatile TaskCompletionSource<RabbitMqChannel> _next = NewSource();
    private volatile RabbitMqChannel? _link;

    /// <param name="uri">The broker, with the credentials.</param>
    /// <param name="name">The connection's name, for the broker's operators.</param>
    /// <param name="logger">Logs that the broker is unreachable.</param>
    /// <param name="tls">Returns the TLS options for a host, for each connection by amqps; null for those of the client library.</param>
    public RabbitMqConnection(Uri uri, string name, ILogger logger, Func<string, SslClientAuthenticationOptions>? tls = null)
    {
        _logger = logger;
        _tls = tls is not null && RabbitMqTls.IsUsed(uri) ? () => tls(uri.Host) : null;
        // Only host and port of the URI appear in messages: the rest contains the password.
        Broker = string.Create(CultureInfo.InvariantCulture, $"RabbitMQ at {uri.Host}:{uri.Port}");
        _factory = new ConnectionFactory
        {
            Uri = uri,
            ClientProvidedName = name,
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedHeartbeat = TimeSpan.FromSeconds(10),
            RequestedConnectionTimeout = TimeSpan.FromSeconds(5),
            HandshakeContinuationTimeout = TimeSpan.FromSeconds(5),
            ContinuationTimeout = TimeSpan.FromSeconds(10),
        };
        _running = Task.Run(RunAsync);
    }

    /// <summary>The broker's name in messages.</summary>
    public string Broker { get; }

    /// <summary>Whether the connection is open and the broker reads from it.</summary>
    public bool IsOpen => _link is { IsOpen: true, IsBlocked: false };

    /// <summary>Returns the current connection, and waits until there is one.</summary>
    public async Task<RabbitMqChannel> GetAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            RabbitMqChannel link = await _next.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (link.IsOpen)
            {
                return link;
            }
            await link.Replaced.WaitAsync(cancellationToken).ConfigureAwait(false);
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
        await _running.ConfigureAwait(false);
        _next.TrySetException(new ObjectDisposedException(Broker));
        // Marks the exception as observed.
        _ = _next.Task.Exception;
        _stopping.Dispose();
    }

    private static TaskCompletionSource<RabbitMqChannel> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task RunAsync()
    {
        var pause = new DoublingPause(FirstPause, MaxPause);
        bool isLogged = false;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (_tls is not null)
                {
                    _factory.Ssl = RabbitMqTls.ToOption(_tls());
                }
                IConnection connection = await _factory.CreateConnectionAsync(_stopping.Token).ConfigureAwait(false);
                var link = new RabbitMqChannel(connection);
                pause.Reset();
                isLogged = false;
                try
                {
                    _link = link;
                    _next.SetResult(link);
                    string reason = await link.Closed.WaitAsync(_stopping.Token).ConfigureAwait(false);
                    PlatformLog.Unavailable(_logger, Broker, reason);
                    isLogged = true;
                }
                finally
                {
                    _next = NewSource();
                    _link = null;
                    await link.DisposeAsync().ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                // Any failure, including a wrong password, may be corrected at the broker, so connecting is retried without a limit and logged once.
                if (!isLogged)
                {
                    PlatformLog.Unavailable(_logger, Broker, fault.GetBaseException().Message);
                    isLogged = true;
                }
                await pause.WaitAsync(_stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
