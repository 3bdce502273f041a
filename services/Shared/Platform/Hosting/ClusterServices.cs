using Brownian.Platform.Artifacts;
using Brownian.Platform.Blobs;
using Brownian.Platform.Catalog;
using Brownian.Platform.Embeddings;
using Brownian.Platform.Events;
using Brownian.Platform.InProcess;
using Brownian.Platform.Jobs;
using Brownian.Platform.RabbitMq;
using Brownian.Platform.Redis;
using Brownian.Platform.Uploads;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Hosting;

/// <summary>Part of a cluster: jobs, tensors and the catalogue in Redis, queues, broadcasts and integration events by RabbitMQ.</summary>
internal static class ClusterServices
{
    private const string Cache = "cache";

    public static void Add(IServiceCollection services, PlatformOptions options, string role)
    {
        RabbitMqServices.Add(services, new Uri(options.RabbitMq!), "brownian-" + role, TimeSpan.FromSeconds(options.AnswerSeconds));
        services.AddSingleton(_ => Connect(options.Redis!, nameof(PlatformOptions.Redis), options));
        services.AddSingleton(provider => provider.GetRequiredService<RedisConnection>().Clock);
        services.AddSingleton<IJobStore, RedisJobStore>();
        services.AddSingleton<EventPublisher>();
        services.AddHostedService(provider => provider.GetRequiredService<EventPublisher>());
        services.AddSingleton<IBlobStore, RedisBlobStore>();
        services.AddSingleton<ICatalog, RedisCatalog>();
        services.AddSingleton<IUploadLedger, RedisUploadLedger>();
        if (options.ArtifactFolder is { } folder)
        {
            services.AddSingleton<IArtifactStore>(provider => new FolderArtifactStore(folder, provider.GetRequiredService<TimeProvider>()));
        }
        else
        {
            services.AddSingleton<IArtifactStore, RedisArtifactStore>();
        }
        // The cache may be another server than the store: it may forget.
        services.AddKeyedSingleton(Cache, (provider, _) => options.CacheRedis is { } other
            ? Connect(other, nameof(PlatformOptions.CacheRedis), options)
            : provider.GetRequiredService<RedisConnection>());
        services.AddStackExchangeRedisCache(_ => { });
        services.AddOptions<RedisCacheOptions>().Configure<IServiceProvider>((cache, provider) =>
        {
            cache.InstanceName = RedisConnection.DefaultPrefix;
            cache.ConnectionMultiplexerFactory = provider.GetRequiredKeyedService<RedisConnection>(Cache).MultiplexerAsync;
        });
        services.AddSingleton<IEncodingLock>(provider => new RedisEncodingLock(provider.GetRequiredKeyedService<RedisConnection>(Cache)));
    }

    private static RedisConnection Connect(string configuration, string name, PlatformOptions options)
    {
        try
        {
            return new RedisConnection(configuration, timeout: TimeSpan.FromSeconds(options.AnswerSeconds));
        }
        catch (ArgumentException exception)
        {
            throw new FieldFaultException(new FieldFault($"{PlatformOptions.Section}:{name}", "cannot be read: " + exception.Message));
        }
    }
}
