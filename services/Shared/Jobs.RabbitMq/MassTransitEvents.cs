using System.Net.Security;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Brownian.Contracts;
using Brownian.Jobs.Events;
using Brownian.Jobs.Records;
using MassTransit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// Publishes integration events with MassTransit: durable topic exchanges, persistent messages, and the contracts as plain JSON bodies. A header
/// contains the message type, by which MassTransit's consumers select messages; MassTransit's other headers would contain this machine's name and are
/// left out.
/// </summary>
public sealed class MassTransitEvents : IEventBus, IHostedService, IAsyncDisposable
{
    private readonly MassTransitBus _bus;
    private readonly TimeSpan _timeout;

    /// <param name="uri">The broker, with the credentials.</param>
    /// <param name="name">The process's name, for the broker's operators.</param>
    /// <param name="logger">Logs that the broker is unreachable.</param>
    /// <param name="timeout">How long the broker may take to confirm an event.</param>
    /// <param name="tls">Returns the TLS options for a host, for connections by amqps; null for those of the client library.</param>
    public MassTransitEvents(
        Uri uri, string name, ILogger<MassTransitEvents> logger, TimeSpan timeout, Func<string, SslClientAuthenticationOptions>? tls = null)
    {
        _timeout = timeout;
        _bus = new MassTransitBus(uri, $"{name} (events)", "The event bus", logger, Configure, tls);
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _bus.Start();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _bus.StopAsync(cancellationToken);

    /// <inheritdoc/>
    public Task PublishAsync(StoredJob job, IntegrationEventKind kind, CancellationToken cancellationToken) => kind switch
    {
        IntegrationEventKind.Accepted => PublishAsync(EventMessages.ToAccepted(job), job, kind, cancellationToken),
        IntegrationEventKind.Started => PublishAsync(EventMessages.ToStarted(job), job, kind, cancellationToken),
        _ => PublishAsync(EventMessages.ToEnded(job), job, kind, cancellationToken),
    };

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _bus.DisposeAsync();

    private async Task PublishAsync<T>(T message, StoredJob job, IntegrationEventKind kind, CancellationToken cancellationToken)
        where T : class
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_timeout);
        try
        {
            await _bus.PublishAsync(
                message,
                context =>
                {
                    context.Headers.Set(MessageHeaders.MessageType, MessageUrn.ForTypeString<T>());
                    context.MessageId = MessageIdOf(new PendingEvent(job.Definition.Id, kind));
                    context.SetRoutingKey(EventExchanges.RoutingKey(job.Definition.Model, EventMessages.StateOf(job, kind)));
                },
                limit.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            string reason = fault is OperationCanceledException
                ? string.Create(CultureInfo.InvariantCulture, $"the broker did not confirm an event within {_timeout.TotalSeconds:0.#} s")
                : fault.GetBaseException().Message;
            throw new PlatformUnavailableException(PlatformPart.MessageBroker, "RabbitMQ: " + reason, fault);
        }
    }

    /// <summary>Creates a UUID (version 8 of RFC 9562) from an event's id, by which MassTransit's consumers recognize repetitions.</summary>
    private static Guid MessageIdOf(PendingEvent pending)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(pending.Id), hash);
        hash[6] = (byte)(0x80 | (hash[6] & 0x0f));
        hash[8] = (byte)(0x80 | (hash[8] & 0x3f));
        return new Guid(hash[..16], bigEndian: true);
    }

    private static void Configure(IRabbitMqBusFactoryConfigurator bus)
    {
        bus.UseRawJsonSerializer((RawSerializerOptions)0, isDefault: true);
        bus.ConfigureJsonSerializerOptions(options => new JsonSerializerOptions(options) { WriteIndented = false });
        Publish<JobAccepted>(bus, EventExchanges.JobAccepted);
        Publish<JobStarted>(bus, EventExchanges.JobStarted);
        Publish<JobEnded>(bus, EventExchanges.JobEnded);
    }

    private static void Publish<T>(IRabbitMqBusFactoryConfigurator bus, string exchange)
        where T : class
    {
        bus.Message<T>(message => message.SetEntityName(exchange));
        bus.Publish<T>(
            topology => (topology.Durable, topology.AutoDelete, topology.ExchangeType) = (true, false, RabbitMQ.Client.ExchangeType.Topic));
    }
}
