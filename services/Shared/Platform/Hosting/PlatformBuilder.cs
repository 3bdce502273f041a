using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Stages;
using Brownian.Platform.Broadcasts;
using Brownian.Platform.Embeddings;
using Brownian.Platform.Jobs;
using Brownian.Platform.Telemetry;
using Brownian.Platform.Uploads;
using Brownian.Platform.Wire;
using Brownian.Platform.Workers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Brownian.Platform.Hosting;

/// <summary>A process of the platform while it is put together: the services add themselves to it.</summary>
public sealed class PlatformBuilder
{
    private readonly List<Action<WebApplication>> _maps = [];
    private bool _hasRunners;

    internal PlatformBuilder(WebApplicationBuilder web, ServiceRole role, PlatformOptions options)
    {
        (Web, Role, Options) = (web, role, options);
    }

    /// <summary>The host's builder.</summary>
    public WebApplicationBuilder Web { get; }

    /// <summary>What the process is.</summary>
    public ServiceRole Role { get; }

    /// <summary>The configuration, validated.</summary>
    public PlatformOptions Options { get; }

    /// <summary>The dependency injection.</summary>
    public IServiceCollection Services => Web.Services;

    private bool WorkersEndIt => Role != ServiceRole.Gateway;

    /// <summary>Maps something when the application is built.</summary>
    public PlatformBuilder Map(Action<WebApplication> map)
    {
        _maps.Add(map);
        return this;
    }

    /// <summary>Adds a worker for stages of a role's kinds.</summary>
    /// <exception cref="FieldFaultException">A limit at which workers end their process is set, and a gateway would end with them.</exception>
    public PlatformBuilder AddWorker(WorkerRole role)
    {
        if (!WorkersEndIt && Options.ResidentLimitMiB > 0)
        {
            throw new FieldFaultException(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.ResidentLimitMiB)),
                "is for processes of workers alone; this one has a gateway, which would end with them"));
        }
        AddEngines();
        if (Services.All(service => service.ServiceType != typeof(WorkerRole)))
        {
            Services.AddGrpc().AddServiceOptions<StageService>(
                options => options.MaxReceiveMessageSize = options.MaxSendMessageSize = StageCodec.MaxMessageBytes);
            Map(app => app.MapGrpcService<StageService>());
        }
        Services.AddSingleton(role);
        Services.AddKeyedSingleton<CallGate>(role.Name);
        Services.AddSingleton(services => ActivatorUtilities.CreateInstance<StageWorker>(services, role));
        Services.AddSingleton<IHostedService>(services => services.GetServices<StageWorker>().Single(worker => worker.Role == role));
        return this;
    }

    /// <summary>Adds the models of this process and the runners of stages.</summary>
    public PlatformBuilder AddEngines()
    {
        if (Services.Any(service => service.ServiceType == typeof(LocalEngines)))
        {
            return this;
        }
        PlatformOptions options = Options;
        Services.AddSingleton(services => new LocalEngines(
            options.OpenModels(),
            new SessionSettings(options.Device == "cuda" ? Device.Cuda : Device.Cpu, options.Threads),
            options.MemoryLimitMiB is { } limit ? (long)limit << 20 : null,
            services.GetRequiredService<AdapterCatalog>(),
            options.OpenCascades()));
        var cache = new EmbeddingCacheSettings();
        Services.AddSingleton(cache);
        Services.Configure<MemoryCacheOptions>(memory => memory.SizeLimit = cache.LocalBytes);
        Services.AddHybridCache(hybrid => hybrid.MaximumPayloadBytes = cache.LargestBytes).AddSerializer<CachedEmbedding, EmbeddingSerializer>();
        Services.TryAddSingleton<IEncodingLock, LocalEncodingLock>();
        Services.AddSingleton<CachedEngines>();
        Services.RemoveAll<IEngines>();
        Services.AddSingleton<IEngines>(services => services.GetRequiredService<CachedEngines>());
        return AddRunners();
    }

    /// <summary>Adds the runners of stages, on whatever engines the process has.</summary>
    public PlatformBuilder AddRunners()
    {
        if (!_hasRunners)
        {
            _hasRunners = true;
            foreach (Func<IEngines, IStageRunner> make in StageRunners.Makers)
            {
                Services.AddSingleton(services => make(services.GetRequiredService<IEngines>()));
            }
        }
        return this;
    }

    internal void AddDefaults()
    {
        PlatformOptions options = Options;
        Services.AddSingleton(options);
        Services.AddSingleton(ServerPaths.Create(options));
        // What comes from elsewhere names files of these folders, never of the machine.
        Services.AddSingleton(AdapterCatalog.Create(options.AdapterFolders, takesPaths: false));
        Services.AddSingleton(new JobPolicy
        {
            LeaseTime = TimeSpan.FromSeconds(options.LeaseSeconds),
            Retention = TimeSpan.FromHours(options.RetentionHours),
            PublishesEvents = options.IsCluster,
        });
        Services.AddSingleton(new AdmissionLimits { MostJobs = options.MaxJobs });
        Services.AddSingleton(new UploadLimits
        {
            MaxBytesPerAddress = options.MaxUploadBytesPerAddress,
            MaxCountPerAddress = options.MaxUploadsPerAddress,
            MaxBytes = options.MaxUploadBytes,
        });
        Services.AddSingleton(
            new ReconcilerSettings { Every = TimeSpan.FromSeconds(options.ReconcileSeconds), Grace = TimeSpan.FromSeconds(options.GraceSeconds) });
        Services.AddSingleton(services => new WorkerSettings
        {
            Slots = options.Slots,
            MaxWait = TimeSpan.FromSeconds(options.MaxWaitSeconds),
            CheckpointEvery = options.CheckpointEvery,
            ProgressEvery = TimeSpan.FromSeconds(options.ProgressSeconds),
            DrainTime = TimeSpan.FromSeconds(options.DrainSeconds),
            Provider = options.Device,
            Address = () => options.IsCluster ? options.Advertise ?? services.GetRequiredService<ListeningAddresses>().Reachable : null,
            EndsProcess = WorkersEndIt,
            StartTime = TimeSpan.FromSeconds(options.StartSeconds),
            ResidentLimit = (long)options.ResidentLimitMiB << 20,
        });
        Services.AddSingleton<ProcessEnd>();
        Services.AddSingleton<IProcessMemory, ProcessMemory>();
        Services.AddSingleton<PlatformTelemetry>();
        Services.AddSingleton<JobDesk>();
        Services.Configure<HostOptions>(host =>
        {
            host.ShutdownTimeout = TimeSpan.FromSeconds(options.DrainSeconds + 10);
            // Workers drain side by side.
            host.ServicesStopConcurrently = true;
        });
        Services.AddSingleton(_ => new OperatorAccess(options, options.IsCluster ? null : OneProcessServices.FolderOf(options)));
        if (options.IsCluster)
        {
            ClusterServices.Add(Services, options, Role.Name);
        }
        else
        {
            Services.AddSingleton<IBroadcasts, LocalBroadcasts>();
            OneProcessServices.Add(Services, options);
        }
    }

    internal void Apply(WebApplication app)
    {
        foreach (Action<WebApplication> map in _maps)
        {
            map(app);
        }
    }
}
