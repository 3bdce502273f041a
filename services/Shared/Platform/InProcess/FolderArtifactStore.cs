using Brownian.Platform.Artifacts;

namespace Brownian.Platform.InProcess;

/// <summary>Files in a folder, which several machines may share.</summary>
/// <param name="folder">The folder; made where it is not there.</param>
/// <param name="clock">For files with a lifetime: those are removed when others are stored after their time.</param>
public sealed class FolderArtifactStore(string folder, TimeProvider clock) : IArtifactStore
{
    private const string Mortal = "mortal";

    /// <inheritdoc/>
    public async Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken)
    {
        if (lifetime is null)
        {
            await SafeFile.WriteAsync(PathOf(id), bytes, cancellationToken).ConfigureAwait(false);
            return;
        }
        RemoveDead();
        string file = Path.Combine(folder, Mortal, id);
        // Before it is there: nobody may take it for one whose time is over.
        await SafeFile.WriteAsync(file, bytes, cancellationToken, clock.GetUtcNow() + lifetime.Value).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken)
    {
        string mortal = Path.Combine(folder, Mortal, id);
        if (File.Exists(mortal))
        {
            return IsDead(mortal) ? null : await SafeFile.ReadAsync(mortal, cancellationToken).ConfigureAwait(false);
        }
        return await SafeFile.ReadAsync(PathOf(id), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        SafeFile.Delete(PathOf(id));
        SafeFile.Delete(Path.Combine(folder, Mortal, id));
        return Task.CompletedTask;
    }

    /// <summary>A folder for each two first letters of the end of an id: ids begin alike.</summary>
    private string PathOf(string id) => Path.Combine(folder, id.Length > 2 ? id[^2..].Replace('-', '_') : "_", id);

    private bool IsDead(string file) => File.GetLastWriteTimeUtc(file) <= clock.GetUtcNow().UtcDateTime;

    private void RemoveDead()
    {
        string mortal = Path.Combine(folder, Mortal);
        if (!Directory.Exists(mortal))
        {
            return;
        }
        foreach (string file in Directory.EnumerateFiles(mortal).Where(file => !file.EndsWith(SafeFile.Part, StringComparison.Ordinal) && IsDead(file)))
        {
            SafeFile.Delete(file);
        }
    }
}
