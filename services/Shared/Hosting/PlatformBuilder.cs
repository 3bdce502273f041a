using Brownian.Adapters;
using Brownian.Jobs.Broadcasts;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Jobs.Telemetry;
using Brownian.Jobs.Uploads;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Brownian.Hosting;

/// <summary>Builds a process of the platform; the services add themselves to it.</summary>
public sealed class PlatformBuilder
{
    private readonly List<Action<WebApplication>> _maps = [];

    internal PlatformBuilder(WebApplicationBuilder web, ServiceRole role, PlatformOptions options)
    {
        (Web, Role, Options) = (web, role, options);
    }

    /// <summary>The host's builder.</summary>
    public WebApplicationBuilder Web { get; }

    /// <summary>The role of the process.</summary>
    public ServiceRole Role { get; }

    /// <summary>The validated configuration.</summary>
    public PlatformOptions Options { get; }

    /// <summary>The services of the dependency injection.</summary>
    public IServiceCollection Services => Web.Services;

    /// <summary>Whether workers may end the process. They may not in a gateway's process, which would end with them.</summary>
    public bool WorkersEndIt => Role != ServiceRole.Gateway;

    /// <summary>Adds a mapping that is applied when the application is built.</summary>
    public PlatformBuilder Map(Action<WebApplication> map)
    {
        _maps.Add(map);
        return this;
    }

    internal void AddDefaults()
    {
        PlatformOptions options = Options;
        Services.AddSingleton(options);
        Services.AddSingleton<IOptions<PlatformOptions>>(new OptionsWrapper<PlatformOptions>(options));
        Services.AddSingleton(ServerPaths.Create(options));
        Services.AddSingleton<FaultTranslator>();
        // Adapters in requests are names of files in these folders, never paths on the machine.
        Services.AddSingleton(AdapterCatalog.Create(options.AdapterFolders, takesPaths: false));
        Services.AddSingleton(new JobPolicy
        {
            LeaseTime = TimeSpan.FromSeconds(options.LeaseSeconds),
            Retention = TimeSpan.FromHours(options.RetentionHours),
            // The reconciler abandons a submission only after its gateway has given it up.
            SubmissionTime = TimeSpan.FromSeconds(Math.Max(30, 2 * options.AnswerSeconds)),
            PublishesEvents = options.IsCluster,
        });
        Services.AddSingleton(new AdmissionLimits { MaxJobs = options.MaxJobs, SubmissionTime = TimeSpan.FromSeconds(options.AnswerSeconds) });
        Services.AddSingleton(new UploadLimits
        {
            MaxBytesPerOwner = options.MaxUploadBytesPerAddress,
            MaxCountPerOwner = options.MaxUploadsPerAddress,
            MaxBytes = options.MaxUploadBytes,
        });
        Services.AddSingleton(
            new ReconcilerSettings { Every = TimeSpan.FromSeconds(options.ReconcileSeconds), Grace = TimeSpan.FromSeconds(options.GraceSeconds) });
        Services.AddSingleton<ProcessEnd>();
        Services.AddSingleton<PlatformTelemetry>();
        Services.AddSingleton<JobService>();
        Services.Configure<HostOptions>(host =>
        {
            host.ShutdownTimeout = TimeSpan.FromSeconds(options.DrainSeconds + 10);
            // Workers drain concurrently.
            host.ServicesStopConcurrently = true;
        });
        Services.AddSingleton(_ => new OperatorAccess(options, options.IsCluster ? null : OneProcessServices.FolderOf(options)));
        Services.AddSingleton(_ => InitialKey.Read(options, options.IsCluster ? null : OneProcessServices.FolderOf(options)));
        Services.AddSingleton<ClientAddresses>();
        Services.AddSingleton<CallerQuotas>();
        Services.AddSingleton<Authenticator>();
        Services.AddSingleton<RefusalLog>();
        Services.AddSingleton<CallerLimits>();
        Services.AddSingleton<AccessGuard>();
        Authenticator.AddIssuer(Services, options);
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
