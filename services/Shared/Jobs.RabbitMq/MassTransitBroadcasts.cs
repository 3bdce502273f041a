using System.Net.Security;
using Brownian.Jobs.Broadcasts;
using Brownian.Jobs.Telemetry;
using MassTransit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Jobs.RabbitMq;

/// <summary>Broadcasts over RabbitMQ.</summary>
public sealed class MassTransitBroadcasts : IBroadcasts, IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan PublishLimit = TimeSpan.FromSeconds(2);

    private readonly LocalBroadcasts _listeners = new();
    private readonly string _self = Guid.NewGuid().ToString("N");
    private readonly ILogger _logger;
    private readonly MassTransitBus _bus;

    /// <param name="uri">The broker, with the credentials.</param>
    /// <param name="name">The process's name, for the broker's operators.</param>
    /// <param name="logger">Logs broadcasts that cannot be published.</param>
    /// <param name="tls">Returns the TLS options for a host, for connections by amqps; null for those of the client library.</param>
    public MassTransitBroadcasts(
        Uri uri, string name, ILogger<MassTransitBroadcasts> logger, Func<string, SslClientAuthenticationOptions>? tls = null)
    {
        _logger = logger;
        _bus = new MassTransitBus(uri, $"{name} (commands)", "The broadcast", logger, Configure, tls);
    }

    /// <summary>Starts connecting without waiting for the connection: the broker may be unreachable.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _bus.Start();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _bus.StopAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task PublishAsync(WorkerCommand command, CancellationToken cancellationToken)
    {
        Notify(command);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            limit.CancelAfter(PublishLimit);
            var message = new MassTransitWorkerCommand(_self, command.Worker, command.Action);
            await _bus.PublishAsync(message, _ => { }, limit.Token).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            PlatformLog.Unavailable(_logger, "The broadcast", $"{command.Action} of {command.Worker} was not sent: {fault.Message}");
        }
    }

    /// <inheritdoc/>
    public IDisposable OnCommand(Action<WorkerCommand> handler) => _listeners.OnCommand(handler);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _bus.DisposeAsync();

    private void Configure(IRabbitMqBusFactoryConfigurator bus)
    {
        bus.Message<MassTransitWorkerCommand>(message => message.SetEntityName(RabbitMqTopology.Commands));
        // Every process has a separate queue that is deleted with the process; messages that cannot be read go to a shared queue, which is drained.
        bus.SendTopology.ErrorQueueNameFormatter = FailedCommands.Instance;
        bus.SendTopology.DeadLetterQueueNameFormatter = FailedCommands.Instance;
        bus.SendTopology.ConfigureErrorSettings = FailedCommands.Keep;
        bus.SendTopology.ConfigureDeadLetterSettings = FailedCommands.Keep;
        bus.ReceiveEndpoint(
            new TemporaryEndpointDefinition(),
            DefaultEndpointNameFormatter.Instance,
            endpoint => endpoint.Handler<MassTransitWorkerCommand>(context =>
            {
                if (context.Message.Sender != _self)
                {
                    Notify(new WorkerCommand(context.Message.Worker, context.Message.Action));
                }
                return Task.CompletedTask;
            }));
    }

    private void Notify(WorkerCommand command)
    {
        try
        {
            _ = _listeners.PublishAsync(command, CancellationToken.None);
        }
        catch (Exception fault)
        {
            // A fault of a listener must not fail the publisher, nor the message.
            PlatformLog.Unavailable(_logger, "A command handler", fault.Message);
        }
    }

    private sealed class FailedCommands : IErrorQueueNameFormatter, IDeadLetterQueueNameFormatter
    {
        public static FailedCommands Instance { get; } = new();

        /// <summary>Resets the queue's arguments: this queue is shared, so it takes none of the arguments of the process's queue.</summary>
        public static void Keep(IRabbitMqQueueConfigurator queue)
        {
            queue.Durable = true;
            queue.AutoDelete = false;
            queue.Exclusive = false;
            queue.SetQueueArgument("x-expires", null!);
        }

        public string FormatErrorQueueName(string queueName) => RabbitMqTopology.CommandErrors;

        public string FormatDeadLetterQueueName(string queueName) => RabbitMqTopology.CommandsSkipped;
    }
}
