using System.Net.Security;
using Brownian.Jobs.Telemetry;
using MassTransit;
using Microsoft.Extensions.Logging;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// A MassTransit bus that keeps trying to start in the background while the broker is unreachable, and stops within a time limit. It is created
/// without a container on purpose: AddMassTransit registers the service that sends usage reports to MassTransit's makers, so without it no report can
/// be sent, whatever an environment variable says.
/// </summary>
internal sealed class MassTransitBus : IAsyncDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly string _part;
    private readonly ILogger _logger;
    private readonly IBusControl _bus;
    private Task _starting = Task.CompletedTask;

    /// <param name="uri">The broker, with the credentials.</param>
    /// <param name="name">The connection's name, for the broker's operators.</param>
    /// <param name="part">The name in log messages.</param>
    /// <param name="logger">Logs that the broker is unreachable.</param>
    /// <param name="configure">Configures topology and endpoints.</param>
    /// <param name="tls">Returns the TLS options for a host, for connections by amqps; null for those of the client library.</param>
    public MassTransitBus(
        Uri uri, string name, string part, ILogger logger, Action<IRabbitMqBusFactoryConfigurator> configure,
        Func<string, SslClientAuthenticationOptions>? tls = null)
    {
        (_part, _logger) = (part, logger);
        _bus = Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            bus.Host(uri, name, host =>
            {
                if (tls is not null && RabbitMqTls.IsUsed(uri))
                {
                    host.UseSsl(ssl => Configure(ssl, uri.Host, tls));
                }
            });
            configure(bus);
        });
    }

    /// <summary>Publishes a message.</summary>
    /// <returns>A task that completes when the broker has confirmed the message; an outage delays it for as long as the token allows.</returns>
    public Task PublishAsync<T>(T message, Action<PublishContext<T>> configure, CancellationToken cancellationToken)
        where T : class =>
        _bus.Publish(message, Pipe.Execute(configure), cancellationToken).WaitAsync(cancellationToken);

    /// <summary>Starts connecting without waiting for the connection: the broker may be unreachable.</summary>
    public void Start() => _starting = Task.Run(StartBusAsync, CancellationToken.None);

    /// <summary>Stops the bus, within a few seconds.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }
        await _stopping.CancelAsync().ConfigureAwait(false);
        try
        {
            await _starting.WaitAsync(StopLimit, cancellationToken).ConfigureAwait(false);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(StopLimit);
            await _bus.StopAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            // The process exits; the broker detects it.
            PlatformLog.Unavailable(_logger, _part, fault.Message);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None).ConfigureAwait(false);

    /// <summary>Configures TLS by callbacks, which each connection calls, because certificates are replaced while the process runs.</summary>
    private static void Configure(IRabbitMqSslConfigurator ssl, string host, Func<string, SslClientAuthenticationOptions> tls)
    {
        ssl.ServerName = host;
        ssl.Protocol = tls(host).EnabledSslProtocols;
        ssl.CertificateSelectionCallback = (_, _, _, _, _) => tls(host).ClientCertificateContext?.TargetCertificate!;
        ssl.CertificateValidationCallback = (sender, certificate, chain, errors) =>
            tls(host).RemoteCertificateValidationCallback?.Invoke(sender, certificate, chain, errors) ?? errors == SslPolicyErrors.None;
    }

    private async Task StartBusAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await _bus.StartAsync(_stopping.Token).ConfigureAwait(false);
                return;
            }
            catch (Exception fault)
            {
                PlatformLog.Unavailable(_logger, _part, fault.GetBaseException().Message);
                await Task.Delay(Pause, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
