using Brownian.Platform.Artifacts;
using Brownian.Platform.Blobs;
using Brownian.Platform.Catalog;
using Brownian.Platform.InProcess;
using Brownian.Platform.Jobs;
using Brownian.Platform.Queues;
using Brownian.Platform.Sqlite;
using Brownian.Platform.Uploads;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Hosting;

/// <summary>Everything in one process: queues in memory, jobs and pictures in a folder or in memory.</summary>
internal static class OneProcessServices
{
    public static void Add(IServiceCollection services, PlatformOptions options)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<IStageQueues, InProcessQueues>();
        services.AddSingleton<ICatalog, MemoryCatalog>();
        if (options.Ephemeral)
        {
            services.AddSingleton<IJobStore>(provider => SqliteJobStore.Open(null, provider.GetRequiredService<JobPolicy>()));
            services.AddSingleton<IBlobStore, MemoryBlobStore>();
            services.AddSingleton<IArtifactStore, MemoryArtifactStore>();
            services.AddSingleton<IUploadLedger>(
                provider => SqliteUploadLedger.Open(null, provider.GetRequiredService<UploadLimits>(), provider.GetRequiredService<TimeProvider>()));
            return;
        }
        string folder = FolderOf(options)!;
        services.AddSingleton<IJobStore>(provider => SqliteJobStore.Open(Prepare(folder), provider.GetRequiredService<JobPolicy>()));
        services.AddSingleton<IUploadLedger>(provider => SqliteUploadLedger.Open(
            Path.Combine(folder, "uploads.sqlite"), provider.GetRequiredService<UploadLimits>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IBlobStore>(new FileBlobStore(Path.Combine(folder, "blobs")));
        services.AddSingleton<IArtifactStore>(provider => new FolderArtifactStore(Path.Combine(folder, "artifacts"), provider.GetRequiredService<TimeProvider>()));
    }

    /// <summary>The data folder; null where everything stays in memory.</summary>
    public static string? FolderOf(PlatformOptions options) => options.Ephemeral ? null : options.DataFolder ?? PlatformOptions.DefaultDataFolder;

    private static string Prepare(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault($"{PlatformOptions.Section}:{nameof(PlatformOptions.DataFolder)}", $"{folder} cannot be made: {exception.Message}"));
        }
        return Path.Combine(folder, "jobs.sqlite");
    }
}
