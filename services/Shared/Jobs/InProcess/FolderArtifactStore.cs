using Brownian.Jobs.Artifacts;

namespace Brownian.Jobs.InProcess;

/// <summary>Stores files in a folder, which several machines may share.</summary>
/// <param name="folder">The folder; created when it does not exist.</param>
/// <param name="clock">The clock for files with a lifetime. They are removed after they have expired, when other files are stored.</param>
public sealed class FolderArtifactStore(string folder, TimeProvider clock) : IArtifactStore
{
    private const string ExpiringFolder = "mortal";

    /// <summary>
    /// How long an expired file stays on the disk. <see cref="TouchAsync"/> may have found it valid a moment before, possibly on another machine, and
    /// a touched file must not be removed afterwards.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);

    private int _cleaned;

    /// <inheritdoc/>
    public async Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _cleaned, 1) == 0)
        {
            RemoveAbandoned();
        }
        if (lifetime is null)
        {
            await AtomicFile.WriteAsync(PathOf(id), bytes, cancellationToken).ConfigureAwait(false);
            return;
        }
        RemoveExpired();
        // Stamped before it is moved into place: a file without its time stamp would count as expired.
        await AtomicFile.WriteAsync(ExpiringPathOf(id), bytes, cancellationToken, clock.GetUtcNow() + lifetime.Value).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken)
    {
        if (AtomicFile.StampOf(ExpiringPathOf(id)) is { } expires)
        {
            return expires <= clock.GetUtcNow() ? null : await AtomicFile.ReadAsync(ExpiringPathOf(id), cancellationToken).ConfigureAwait(false);
        }
        return await AtomicFile.ReadAsync(PathOf(id), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<bool> TouchAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        string expiring = ExpiringPathOf(id);
        DateTimeOffset now = clock.GetUtcNow();
        return Task.FromResult(AtomicFile.StampOf(expiring) is { } expires
            ? expires > now && (expires >= now + lifetime || AtomicFile.TryStamp(expiring, now + lifetime))
            : AtomicFile.StampOf(PathOf(id)) is not null);
    }

    /// <inheritdoc/>
    public Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        AtomicFile.Delete(PathOf(id));
        AtomicFile.Delete(ExpiringPathOf(id));
        return Task.CompletedTask;
    }

    private string ExpiringPathOf(string id) => Path.Combine(folder, ExpiringFolder, id);

    /// <summary>Subfolders are named by the last two letters of the id, because ids have common beginnings.</summary>
    private string PathOf(string id) => Path.Combine(folder, id.Length > 2 ? id[^2..].Replace('-', '_') : "_", id);

    private void RemoveExpired()
    {
        DateTimeOffset expired = clock.GetUtcNow() - Grace;
        foreach (string file in AtomicFile.FilesIn(Path.Combine(folder, ExpiringFolder)))
        {
            bool isPart = file.EndsWith(AtomicFile.Part, StringComparison.Ordinal);
            if (isPart ? AtomicFile.IsAbandoned(file, TimeProvider.System.GetUtcNow()) : AtomicFile.StampOf(file) <= expired)
            {
                AtomicFile.Delete(file);
            }
        }
    }

    /// <summary>Removes unfinished files of processes that died, once a process.</summary>
    private void RemoveAbandoned()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        foreach (string file in AtomicFile.FoldersIn(folder).SelectMany(AtomicFile.FilesIn).Where(file => AtomicFile.IsAbandoned(file, now)))
        {
            AtomicFile.Delete(file);
        }
    }
}
