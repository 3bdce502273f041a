using Brownian.Jobs.Access;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Embeddings;
using Brownian.Jobs.Records;
using Brownian.Jobs.Uploads;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Jobs.Redis;

/// <summary>Registers the services of a cluster's process that use Redis.</summary>
public static class RedisServices
{
    private const string Cache = "cache";

    /// <summary>Adds the stores of jobs, tensors, images, uploads, keys and the catalogue, the cache and its lock.</summary>
    /// <param name="services">The services to add to.</param>
    /// <param name="connect">Connects to the store.</param>
    /// <param name="connectCache">
    /// Connects to the cache, which may be on another server than the store because it may lose data; null to use the store's server.
    /// </param>
    public static void Add(
        IServiceCollection services, Func<IServiceProvider, RedisConnection> connect, Func<IServiceProvider, RedisConnection>? connectCache)
    {
        services.AddSingleton(connect);
        services.AddSingleton(provider => provider.GetRequiredService<RedisConnection>().Clock);
        services.AddSingleton<IJobStore, RedisJobStore>();
        services.AddSingleton<IBlobStore, RedisBlobStore>();
        services.AddSingleton<ICatalog, RedisCatalog>();
        services.AddSingleton<IUploadLedger, RedisUploadLedger>();
        services.AddSingleton<IArtifactStore, RedisArtifactStore>();
        services.AddSingleton<IAccessStore, RedisAccessStore>();
        services.AddSingleton<IAuditLog, RedisAuditLog>();
        services.AddKeyedSingleton(Cache, (provider, _) => connectCache?.Invoke(provider) ?? provider.GetRequiredService<RedisConnection>());
        services.AddStackExchangeRedisCache(_ => { });
        services.AddOptions<RedisCacheOptions>().Configure<IServiceProvider>((cache, provider) =>
        {
            cache.InstanceName = RedisConnection.DefaultPrefix;
            cache.ConnectionMultiplexerFactory = provider.GetRequiredKeyedService<RedisConnection>(Cache).MultiplexerAsync;
        });
        services.AddSingleton<IEncodingLock>(provider => new RedisEncodingLock(provider.GetRequiredKeyedService<RedisConnection>(Cache)));
    }
}
