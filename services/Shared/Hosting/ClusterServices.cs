using Brownian.Hosting.Certificates;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Events;
using Brownian.Jobs.InProcess;
using Brownian.Jobs.RabbitMq;
using Brownian.Jobs.Redis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Brownian.Hosting;

/// <summary>
/// Services of a process in a cluster: jobs, tensors and the catalogue in Redis; queues, broadcasts and integration events over RabbitMQ.
/// </summary>
internal static class ClusterServices
{
    public static void Add(IServiceCollection services, PlatformOptions options, string role)
    {
        RabbitMqServices.Add(
            services, new Uri(options.RabbitMq!), "brownian-" + role, TimeSpan.FromSeconds(options.AnswerSeconds),
            provider => provider.GetRequiredService<ProcessCertificates>().ClientOptions);
        RedisServices.Add(
            services,
            provider => Connect(provider, options.Redis!, nameof(PlatformOptions.Redis), options),
            options.CacheRedis is { } cache ? provider => Connect(provider, cache, nameof(PlatformOptions.CacheRedis), options) : null);
        services.AddSingleton<EventPublisher>();
        services.AddHostedService(provider => provider.GetRequiredService<EventPublisher>());
        if (options.ArtifactFolder is { } folder)
        {
            services.Replace(ServiceDescriptor.Singleton<IArtifactStore>(
                provider => new FolderArtifactStore(folder, provider.GetRequiredService<TimeProvider>())));
        }
    }

    private static RedisConnection Connect(IServiceProvider provider, string configuration, string name, PlatformOptions options)
    {
        try
        {
            ProcessCertificates certificates = provider.GetRequiredService<ProcessCertificates>();
            // Without files, a configuration with ssl=true decides about its TLS by its other values.
            return new RedisConnection(
                configuration, timeout: TimeSpan.FromSeconds(options.AnswerSeconds),
                tls: certificates.Files.IsEmpty ? null : certificates.ClientOptions);
        }
        catch (ArgumentException exception)
        {
            throw new FieldFaultException(new FieldFault($"{PlatformOptions.Section}:{name}", "cannot be read: " + exception.Message));
        }
    }
}
