using Brownian.Jobs.Blobs;
using Brownian.Models.Stages;

namespace Brownian.Jobs.InProcess;

/// <summary>Stores tensors in files, with a folder for each job.</summary>
/// <param name="folder">The folder that contains the jobs' folders.</param>
public sealed class FileBlobStore(string folder) : IBlobStore
{
    /// <inheritdoc/>
    public async Task<BlobRef> PutAsync(string job, string key, StageValue value, CancellationToken cancellationToken)
    {
        BlobRef reference = BlobBytes.Refer(key, value);
        await AtomicFile.WriteAsync(PathOf(job, key), value.Bytes, cancellationToken).ConfigureAwait(false);
        return reference;
    }

    /// <inheritdoc/>
    public async Task<StageValue?> GetAsync(string job, BlobRef reference, CancellationToken cancellationToken) =>
        BlobBytes.Check(reference, await AtomicFile.ReadAsync(PathOf(job, reference.Key), cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public Task RemoveAsync(string job, IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        foreach (string key in keys)
        {
            AtomicFile.Delete(PathOf(job, key));
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task RemoveAsync(string job, CancellationToken cancellationToken)
    {
        AtomicFile.DeleteFolder(Path.Combine(folder, job));
        return Task.CompletedTask;
    }

    private string PathOf(string job, string key) => Path.Combine(folder, job, key);
}
