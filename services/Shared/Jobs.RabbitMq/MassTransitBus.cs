using Brownian.Jobs.Telemetry;
using MassTransit;
using Microsoft.Extensions.Logging;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// A bus of MassTransit that starts in the background, for as long as the broker is away, and ends in time. It is made without a container on
/// purpose: what reports the use of MassTransit to its makers is one of the services of AddMassTransit, so here nothing can, whatever an
/// environment variable says.
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
    /// <param name="part">What the log calls it.</param>
    /// <param name="logger">Where it says that the broker is away.</param>
    /// <param name="configure">Topology and endpoints.</param>
    public MassTransitBus(Uri uri, string name, string part, ILogger logger, Action<IRabbitMqBusFactoryConfigurator> configure)
    {
        (_part, _logger) = (part, logger);
        _bus = Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            bus.Host(uri, name, _ => { });
            configure(bus);
        });
    }

    /// <summary>Publishes a message.</summary>
    /// <returns>Ends when the broker has confirmed it, which an outage delays for as long as the token allows.</returns>
    public Task PublishAsync<T>(T message, Action<PublishContext<T>> configure, CancellationToken cancellationToken)
        where T : class =>
        _bus.Publish(message, Pipe.Execute(configure), cancellationToken).WaitAsync(cancellationToken);

    /// <summary>Begins to connect, and does not wait for it: the broker may be away.</summary>
    public void Start() => _starting = Task.Run(StartBusAsync, CancellationToken.None);

    /// <summary>Ends it, within a few seconds.</summary>
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
            // The process ends; the broker notices.
            PlatformLog.Away(_logger, _part, fault.Message);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None).ConfigureAwait(false);

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
                PlatformLog.Away(_logger, _part, fault.GetBaseException().Message);
                await Task.Delay(Pause, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
