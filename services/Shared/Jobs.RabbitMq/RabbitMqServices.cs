using System.Net.Security;
using Brownian.Jobs.Broadcasts;
using Brownian.Jobs.Events;
using Brownian.Jobs.Queues;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Jobs.RabbitMq;

/// <summary>Registers the services that need a broker.</summary>
public static class RabbitMqServices
{
    /// <summary>Adds queues, broadcasts and integration events over RabbitMQ.</summary>
    /// <param name="services">The services to add to.</param>
    /// <param name="uri">The broker, with the credentials.</param>
    /// <param name="name">The process's name, for the broker's operators.</param>
    /// <param name="timeout">How long the broker may take to confirm a message.</param>
    /// <param name="tls">Returns the TLS options for a host, for connections by amqps; null for those of the client library.</param>
    public static IServiceCollection Add(
        IServiceCollection services, Uri uri, string name, TimeSpan timeout,
        Func<IServiceProvider, Func<string, SslClientAuthenticationOptions>>? tls = null)
    {
        services.AddSingleton<IStageQueues>(provider =>
            new RabbitMqQueues(uri, name, provider.GetRequiredService<ILogger<RabbitMqQueues>>(), timeout, tls: tls?.Invoke(provider)));
        services.AddSingleton(provider =>
            new MassTransitBroadcasts(uri, name, provider.GetRequiredService<ILogger<MassTransitBroadcasts>>(), tls?.Invoke(provider)));
        services.AddSingleton<IBroadcasts>(provider => provider.GetRequiredService<MassTransitBroadcasts>());
        services.AddHostedService(provider => provider.GetRequiredService<MassTransitBroadcasts>());
        services.AddSingleton(provider =>
            new MassTransitEvents(uri, name, provider.GetRequiredService<ILogger<MassTransitEvents>>(), timeout, tls?.Invoke(provider)));
        services.AddSingleton<IEventBus>(provider => provider.GetRequiredService<MassTransitEvents>());
        services.AddHostedService(provider => provider.GetRequiredService<MassTransitEvents>());
        return services;
    }
}
