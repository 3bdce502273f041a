using Brownian.Jobs.Artifacts;

namespace Brownian.Jobs.InProcess;

/// <summary>Files in a folder, which several machines may share.</summary>
/// <param name="folder">The folder; made where it is not there.</param>
/// <param name="clock">For files with a lifetime: those are removed when others are stored after their time.</param>
public sealed class FolderArtifactStore(string folder, TimeProvider clock) : IArtifactStore
{
    private const string Mortal = "mortal";

    /// <summary>
    /// How long a file stays on the disk after its time is over. <see cref="TouchAsync"/> may have seen it alive a moment before, on another
    /// machine too: what is touched must not be removed afterwards.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);

    private int _swept;

    /// <inheritdoc/>
    public async Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _swept, 1) == 0)
        {
            RemoveAbandoned();
        }
        if (lifetime is null)
        {
            await SafeFile.WriteAsync(PathOf(id), bytes, cancellationToken).ConfigureAwait(false);
            return;
        }
        RemoveDead();
        // Stamped before it is there: a file without its time would count as one whose time is over.
        await SafeFile.WriteAsync(MortalPathOf(id), bytes, cancellationToken, clock.GetUtcNow() + lifetime.Value).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken)
    {
        if (SafeFile.StampOf(MortalPathOf(id)) is { } dies)
        {
            return dies <= clock.GetUtcNow() ? null : await SafeFile.ReadAsync(MortalPathOf(id), cancellationToken).ConfigureAwait(false);
        }
        return await SafeFile.ReadAsync(PathOf(id), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<bool> TouchAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        string mortal = MortalPathOf(id);
        DateTimeOffset now = clock.GetUtcNow();
        return Task.FromResult(SafeFile.StampOf(mortal) is { } dies
            ? dies > now && (dies >= now + lifetime || SafeFile.TryStamp(mortal, now + lifetime))
            : SafeFile.StampOf(PathOf(id)) is not null);
    }

    /// <inheritdoc/>
    public Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        SafeFile.Delete(PathOf(id));
        SafeFile.Delete(MortalPathOf(id));
        return Task.CompletedTask;
    }

    private string MortalPathOf(string id) => Path.Combine(folder, Mortal, id);

    /// <summary>A folder for each two first letters of the end of an id: ids begin alike.</summary>
    private string PathOf(string id) => Path.Combine(folder, id.Length > 2 ? id[^2..].Replace('-', '_') : "_", id);

    private void RemoveDead()
    {
        DateTimeOffset dead = clock.GetUtcNow() - Grace;
        foreach (string file in SafeFile.FilesIn(Path.Combine(folder, Mortal)))
        {
            bool isPart = file.EndsWith(SafeFile.Part, StringComparison.Ordinal);
            if (isPart ? SafeFile.IsAbandoned(file, TimeProvider.System.GetUtcNow()) : SafeFile.StampOf(file) <= dead)
            {
                SafeFile.Delete(file);
            }
        }
    }

    /// <summary>Removes what processes that died had begun to write, once a process.</summary>
    private void RemoveAbandoned()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        foreach (string file in SafeFile.FoldersIn(folder).SelectMany(SafeFile.FilesIn).Where(file => SafeFile.IsAbandoned(file, now)))
        {
            SafeFile.Delete(file);
        }
    }
}
