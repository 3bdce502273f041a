using Brownian.Formats.Files;
using Brownian.Import.Folders;

namespace Brownian.Import.Hub;

/// <summary>
/// Downloads the files of a checkpoint that an import needs into a folder of the user's. Downloads that were stopped are continued.
/// </summary>
/// <param name="client">The client.</param>
/// <param name="cacheFolder">The folder of all downloads. It may not exist.</param>
public sealed class Puller(HubClient client, string cacheFolder)
{
    /// <summary>Whether no request is made, and only what is in the folder is used.</summary>
    public bool IsOffline { get; init; }

    /// <summary>Waits before another try.</summary>
    public Func<TimeSpan, CancellationToken, Task> Delay { get; init; } = Task.Delay;

    /// <summary>Returns the free bytes of the disk of a folder.</summary>
    internal Func<string, long> FreeSpace { get; init; } = DiskSpace.Left;

    private HubRetries Retries => new(Delay);

    /// <summary>Finds out which files are needed. Small files that say so are downloaded.</summary>
    /// <param name="address">What is pulled.</param>
    /// <param name="variant">The variant of weights to prefer, such as <c>fp16</c>; null for none.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ModelException">
    /// There is no such repository or file, it may not be read, it has nothing that can be imported, or the network is needed and not used.
    /// </exception>
    public async Task<PlannedPull> PlanAsync(HubAddress address, string? variant, CancellationToken cancellationToken)
    {
        if (address.Url is { } url)
        {
            var ofUrl = PullFolder.OfUrl(cacheFolder, url);
            return new PlannedPull(address, ofUrl, [new HubFile(address.FileName, null, null, null)])
            {
                Path = ofUrl.PathOf(address.FileName),
                IsFile = true,
                Origin = new ImportOrigin(address.ToString(), null),
            };
        }
        string repository = address.Repository!, revision = address.Revision ?? HubAddress.DefaultRevision;
        byte[]? description = IsOffline ? null
            : await Retries.RunAsync(stop => client.DescribeAsync(repository, revision, stop), null, cancellationToken);
        HubSnapshot snapshot = description is not null ? HubSnapshot.Parse(repository, description)
            : PullFolder.Recall(cacheFolder, repository, revision) ?? throw new ModelException(
                $"{repository} at {revision} is not in {cacheFolder}, and no request is made (--offline, BROWNIAN_OFFLINE): pull it once with "
                    + "--keep");
        var folder = PullFolder.OfCommit(cacheFolder, repository, snapshot.Commit);
        PullPlan plan = Plan();
        while (!plan.IsComplete)
        {
            await DownloadAsync(PullOf(plan.Unread), null, cancellationToken);
            plan = Plan();
        }
        if (description is not null)
        {
            Write(() => folder.Remember(revision, description));
        }
        return PullOf(plan.Files);

        PullPlan Plan() => PullPlan.Of(snapshot, variant, address.File, folder.Read);

        PlannedPull PullOf(IReadOnlyList<HubFile> files) => new(address, folder, files)
        {
            Path = plan.SingleFile is { } single ? folder.PathOf(single) : folder.FilesFolder,
            IsFile = plan.SingleFile is not null,
            Origin = new ImportOrigin($"{repository}@{snapshot.Commit}", snapshot.License),
            IsGated = snapshot.IsGated,
            Commit = snapshot.Commit,
        };
    }

    /// <summary>Downloads the files that are not there yet.</summary>
    /// <param name="pull">What <see cref="PlanAsync"/> returned.</param>
    /// <param name="progress">Receives what is there; null for nothing.</param>
    /// <param name="cancellationToken">Stops the download, which the next one continues.</param>
    /// <exception cref="ModelException">
    /// A file cannot be read or written or has another content than is announced, the disk has too little space, or the network is needed and not
    /// used. What is complete stays.
    /// </exception>
    public async Task DownloadAsync(PlannedPull pull, IProgress<PullProgress>? progress, CancellationToken cancellationToken)
    {
        HubFile[] missing = [.. pull.Files.Where(file => !pull.Folder.Has(file))];
        if (missing.Length == 0)
        {
            return;
        }
        if (IsOffline)
        {
            throw new ModelException(
                $"{pull.Address} is not complete in {cacheFolder}, and no request is made (--offline, BROWNIAN_OFFLINE). Missing: "
                    + string.Join(", ", missing.Select(file => file.Path)));
        }
        FileDownload[] downloads =
        [
            .. missing.Select(file => new FileDownload(
                client, file, pull.Address.Repository, UrlOf(pull, file), pull.Folder.PathOf(file.Path)))
        ];
        Write(() => Directory.CreateDirectory(pull.Folder.FilesFolder));
        long needed = missing.Sum(file => file.Size ?? 0) - downloads.Sum(download => download.Length);
        DiskSpace.Require($"{pull.Address} in {cacheFolder}", needed, FreeSpace(cacheFolder));
        long done = pull.Files.Except(missing).Sum(file => file.Size ?? 0);
        foreach ((HubFile file, FileDownload download) in missing.Zip(downloads))
        {
            long there = 0;
            await download.RunAsync(
                Retries,
                (bytes, length) =>
                {
                    there = bytes;
                    progress?.Report(new PullProgress(file.Path, done + bytes, Math.Max(pull.Bytes, done + (length ?? bytes))));
                },
                cancellationToken);
            done += there;
        }
    }

    private Uri UrlOf(PlannedPull pull, HubFile file) =>
        pull.Address.Url ?? client.UrlOf(pull.Address.Repository!, pull.Commit!, file.Path);

    private void Write(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{cacheFolder} cannot be written: {exception.Message}", exception);
        }
    }
}
