using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Hosting;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Stages;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Embeddings;
using Brownian.Jobs.Telemetry;
using Brownian.Jobs.Wire;
using Brownian.Kubernetes;
using Brownian.Models.Catalog;
using Brownian.Models.Devices;
using Brownian.Models.Stages;
using Brownian.Workers.Devices;
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
    /// A setting with which workers end their process is set, and the process has a gateway, which would end with them.
    /// </exception>
    public static PlatformBuilder AddWorker(this PlatformBuilder platform, WorkerRole role)
    {
        PlatformOptions options = platform.Options;
        IServiceCollection services = platform.Services;
        if (!platform.WorkersEndIt)
        {
            string[] ending =
            [
                .. options.ResidentLimitMiB > 0 ? [nameof(PlatformOptions.ResidentLimitMiB)] : (string[])[],
                .. options.Drain ? [nameof(PlatformOptions.Drain)] : (string[])[],
            ];
            if (ending.Length > 0)
            {
                throw new FieldFaultException(
                    [
                        .. ending.Select(
                            name => new FieldFault(
                                PlatformOptions.Field(name),
                                "is only for processes without a gateway; this process has a gateway, which would end with its workers"))
                    ]);
            }
        }
        platform.AddEngines();
        if (services.All(service => service.ServiceType != typeof(WorkerRole)))
        {
            // Once in a process, however many roles it has.
            services.AddSingleton<IProcessMemory, ProcessMemory>();
            services.AddSingleton(provider => SettingsOf(platform, provider));
            services.AddSingleton<ProcessWorkers>();
            services.AddSingleton<StageWorkerFactory>();
            services.AddSingleton(new WatchSettings(options.WatchedFolder, options.Precision));
            services.AddSingleton<WatchedFolder>();
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<WatchedFolder>());
            services.AddGrpc().AddServiceOptions<StageService>(
                grpc => grpc.MaxReceiveMessageSize = grpc.MaxSendMessageSize = StageCodec.MaxMessageBytes);
            platform.Map(app => app.MapGrpcService<StageService>());
            platform.AddPodDeletionCost(Running);
        }
        services.AddSingleton(role);
        services.AddKeyedSingleton<CallGate>(role.Name);
        for (int i = 0; i < options.ReadDevices().Count; i++)
        {
            int device = i;
            (string, int) key = (role.Name, device);
            services.AddKeyedSingleton(
                key,
                (provider, _) =>
                    provider.GetRequiredService<StageWorkerFactory>().Create(role, provider.GetRequiredService<DeviceSet>().All[device]));
            services.AddSingleton(provider => provider.GetRequiredKeyedService<StageWorker>(key));
            services.AddSingleton<IWorkerStatus>(provider => provider.GetRequiredKeyedService<StageWorker>(key));
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<StageWorker>(key));
        }
        return platform;
    }

    /// <summary>Adds the models of this process and the runners of stages.</summary>
    /// <exception cref="ModelException">The device cannot be used by this build or on this machine.</exception>
    public static PlatformBuilder AddEngines(this PlatformBuilder platform)
    {
        IServiceCollection services = platform.Services;
        if (services.Any(service => service.ServiceType == typeof(DeviceSet)))
        {
            return platform;
        }
        PlatformOptions options = platform.Options;
        // Before the process starts: no pause and no retry brings a driver or a library.
        foreach (Device device in options.ReadDevices().Distinct())
        {
            ExecutionProviders.Require(device);
        }
        services.AddSingleton(provider =>
        {
            var devices = new DeviceSet([.. options.ReadDevices().Select(device => EnginesOf(device, options, provider))]);
            provider.GetRequiredService<PlatformTelemetry>().Devices = devices.ReadMemory;
            return devices;
        });
        var cache = new EmbeddingCacheSettings();
        services.AddSingleton(cache);
        services.Configure<MemoryCacheOptions>(memory => memory.SizeLimit = cache.LocalBytes);
        services.AddHybridCache(hybrid => hybrid.MaximumPayloadBytes = cache.MaxBytes).AddSerializer<CachedEmbedding, EmbeddingSerializer>();
        services.TryAddSingleton<IEncodingLock, LocalEncodingLock>();
        services.AddSingleton<IEngines>(
            provider => new BalancedEngines([.. provider.GetRequiredService<DeviceSet>().All.Select(device => device.Engines)]));
        foreach (StageRunnerFactory runner in StageRunners.Factories)
        {
            services.AddSingleton(runner);
        }
        // The runners of calls; each worker has those of its device.
        services.AddSingleton<IReadOnlyList<IStageRunner>>(
            provider =>
                [
                    .. provider.GetServices<StageRunnerFactory>()
                        .Select(runner => runner.Create(provider.GetRequiredService<IEngines>()))
                ]);
        return platform;
    }

    private static DeviceEngines EnginesOf(Device device, PlatformOptions options, IServiceProvider provider)
    {
        long limit = options.MemoryLimitMiB is { } mebibytes ? (long)mebibytes << 20
            : LocalEngines.DefaultMemoryLimit / options.ReadDevices().Count;
        var settings = new SessionSettings(device, options.Threads)
        {
            Optimized = new OptimizedGraphs(
                options.OptimizedFolder ?? ModelCatalog.OptimizedFolder, options.Optimize,
                ActivatorUtilities.CreateInstance<OptimizationLog>(provider)),
        };
        var engines = new LocalEngines(
            options.OpenModels(), settings, limit, provider.GetRequiredService<AdapterCatalog>(), options.OpenCascades());
        return new DeviceEngines(
            device, engines, ActivatorUtilities.CreateInstance<CachedEngines>(provider, engines), provider.GetServices<StageRunnerFactory>());
    }

    /// <summary>Returns the number of stages and calls that all workers of the process have.</summary>
    internal static int Running(IServiceProvider services) =>
        services.GetServices<StageWorker>().Sum(worker => worker.Busy)
            + services.GetServices<WorkerRole>().Sum(role => services.GetRequiredKeyedService<CallGate>(role.Name).Inside);

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
            Address = () => options.IsCluster ? options.Advertise ?? services.GetRequiredService<ListeningAddresses>().Reachable : null,
            ServerName = options.IsCluster ? options.AdvertiseName : null,
            // A process of several devices continues on the others.
            EndsProcess = platform.WorkersEndIt && options.ReadDevices().Count == 1,
            Priorities = options.ReadPriorities(),
            Drains = options.Drain,
            StartTime = TimeSpan.FromSeconds(options.StartSeconds),
            ResidentLimit = (long)options.ResidentLimitMiB << 20,
        };
    }
}
