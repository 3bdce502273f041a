using Brownian.Jobs.Access;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.InProcess;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Sqlite;
using Brownian.Jobs.Uploads;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Hosting;

/// <summary>Services of a single-process setup: queues in memory, jobs and images in a folder or in memory.</summary>
internal static class OneProcessServices
{
    public static void Add(IServiceCollection services, PlatformOptions options)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<IStageQueues, InProcessQueues>();
        services.AddSingleton<ICatalog, MemoryCatalog>();
        services.AddSingleton<IAccessStore>(provider => provider.GetRequiredService<SqliteAccessStore>());
        services.AddSingleton<IAuditLog>(provider => provider.GetRequiredService<SqliteAccessStore>());
        if (options.Ephemeral)
        {
            services.AddSingleton<IJobStore>(provider => OpenJobs(provider, null));
            services.AddSingleton<IBlobStore, MemoryBlobStore>();
            services.AddSingleton<IArtifactStore, MemoryArtifactStore>();
            services.AddSingleton<IUploadLedger>(provider => SqliteUploadLedger.Open(null, provider.GetRequiredService<TimeProvider>()));
            services.AddSingleton(_ => SqliteAccessStore.Open(null));
            return;
        }
        string folder = FolderOf(options)!;
        // Every service that uses the folder resolves its lock first, so the lock is released after all of them.
        services.AddSingleton(_ => new DataFolder(folder));
        services.AddSingleton<IJobStore>(provider => OpenJobs(provider, PathIn(provider, "jobs.sqlite")));
        services.AddSingleton<IUploadLedger>(
            provider => SqliteUploadLedger.Open(PathIn(provider, "uploads.sqlite"), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => SqliteAccessStore.Open(PathIn(provider, "access.sqlite")));
        services.AddSingleton<IBlobStore>(provider => new FileBlobStore(PathIn(provider, "blobs")));
        services.AddSingleton<IArtifactStore>(
            provider => new FolderArtifactStore(PathIn(provider, "artifacts"), provider.GetRequiredService<TimeProvider>()));
    }

    /// <summary>Returns the data folder; null when everything stays in memory.</summary>
    public static string? FolderOf(PlatformOptions options) => options.Ephemeral ? null : options.DataFolder ?? PlatformOptions.DefaultDataFolder;

    private static SqliteJobStore OpenJobs(IServiceProvider provider, string? file) => SqliteJobStore.Open(
        file, provider.GetRequiredService<JobPolicy>(), audit: provider.GetRequiredService<IAuditLog>());

    private static string PathIn(IServiceProvider provider, string name) => Path.Combine(provider.GetRequiredService<DataFolder>().FullPath, name);
}
