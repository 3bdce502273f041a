using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Hosting;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Stages;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Embeddings;
using Brownian.Jobs.Wire;
using Brownian.Models.Stages;
using Brownian.Workers.Embeddings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Brownian.Workers;

/// <summary>Adds workers and models to a process.</summary>
public static class WorkerExtensions
{
    /// <summary>Adds a worker for stages of a role's kinds, from the queues and over gRPC.</summary>
    /// <exception cref="FieldFaultException">
    /// A memory limit at which workers end their process is set, and the process has a gateway, which would end with them.
    /// </exception>
    public static PlatformBuilder AddWorker(this PlatformBuilder platform, WorkerRole role)
    {
        PlatformOptions options = platform.Options;
        IServiceCollection services = platform.Services;
        if (!platform.WorkersEndIt && options.ResidentLimitMiB > 0)
        {
            throw new FieldFaultException(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.ResidentLimitMiB)),
                "is only for processes without a gateway; this process has a gateway, which would end with its workers"));
        }
        platform.AddEngines();
        if (services.All(service => service.ServiceType != typeof(WorkerRole)))
        {
            // Once in a process, however many roles it has.
            services.AddSingleton<IProcessMemory, ProcessMemory>();
            services.AddSingleton(provider => SettingsOf(platform, provider));
            services.AddGrpc().AddServiceOptions<StageService>(
                grpc => grpc.MaxReceiveMessageSize = grpc.MaxSendMessageSize = StageCodec.MaxMessageBytes);
            platform.Map(app => app.MapGrpcService<StageService>());
        }
        services.AddSingleton(role);
        services.AddKeyedSingleton<CallGate>(role.Name);
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<StageWorker>(provider, role));
        services.AddSingleton<IWorkerStatus>(WorkerOf);
        services.AddSingleton<IHostedService>(WorkerOf);
        return platform;

        StageWorker WorkerOf(IServiceProvider provider) => provider.GetServices<StageWorker>().Single(worker => worker.Role == role);
    }

    /// <summary>Adds the models of this process and the runners of stages.</summary>
    /// <exception cref="ModelException">The device cannot be used by this build or on this machine.</exception>
    public static PlatformBuilder AddEngines(this PlatformBuilder platform)
    {
        IServiceCollection services = platform.Services;
        if (services.Any(service => service.ServiceType == typeof(LocalEngines)))
        {
            return platform;
        }
        PlatformOptions options = platform.Options;
        // Before the process starts: no pause and no retry brings a driver or a library.
        ExecutionProviders.Require(options.ReadDevice());
        services.AddSingleton(provider => new LocalEngines(
            options.OpenModels(),
            new SessionSettings(options.ReadDevice(), options.Threads),
            options.MemoryLimitMiB is { } limit ? (long)limit << 20 : null,
            provider.GetRequiredService<AdapterCatalog>(),
            options.OpenCascades()));
        var cache = new EmbeddingCacheSettings();
        services.AddSingleton(cache);
        services.Configure<MemoryCacheOptions>(memory => memory.SizeLimit = cache.LocalBytes);
        services.AddHybridCache(hybrid => hybrid.MaximumPayloadBytes = cache.MaxBytes).AddSerializer<CachedEmbedding, EmbeddingSerializer>();
        services.TryAddSingleton<IEncodingLock, LocalEncodingLock>();
        services.AddSingleton<CachedEngines>();
        services.AddSingleton<IEngines>(provider => provider.GetRequiredService<CachedEngines>());
        foreach (Func<IEngines, IStageRunner> make in StageRunners.Makers)
        {
            services.AddSingleton(provider => make(provider.GetRequiredService<IEngines>()));
        }
        return platform;
    }

    private static WorkerSettings SettingsOf(PlatformBuilder platform, IServiceProvider services)
    {
        PlatformOptions options = platform.Options;
        return new WorkerSettings
        {
            Slots = options.Slots,
            MaxWait = TimeSpan.FromSeconds(options.MaxWaitSeconds),
            CheckpointEvery = options.CheckpointEvery,
            ProgressEvery = TimeSpan.FromSeconds(options.ProgressSeconds),
            DrainTime = TimeSpan.FromSeconds(options.DrainSeconds),
            Provider = options.ReadDevice().Provider,
            Address = () => options.IsCluster ? options.Advertise ?? services.GetRequiredService<ListeningAddresses>().Reachable : null,
            EndsProcess = platform.WorkersEndIt,
            StartTime = TimeSpan.FromSeconds(options.StartSeconds),
            ResidentLimit = (long)options.ResidentLimitMiB << 20,
        };
    }
}
