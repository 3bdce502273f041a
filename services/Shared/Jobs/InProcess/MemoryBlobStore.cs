using System.Collections.Concurrent;
using Brownian.Jobs.Blobs;
using Brownian.Models.Stages;

namespace Brownian.Jobs.InProcess;

/// <summary>Stores tensors in memory, for a process that persists nothing.</summary>
public sealed class MemoryBlobStore : IBlobStore
{
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, byte[]>> _jobs = new();

    /// <inheritdoc/>
    public Task<BlobRef> PutAsync(string job, string key, StageValue value, CancellationToken cancellationToken)
    {
        _jobs.GetOrAdd(job, _ => new())[key] = value.Bytes.ToArray();
        return Task.FromResult(BlobBytes.Refer(key, value));
    }

    /// <inheritdoc/>
    public Task<StageValue?> GetAsync(string job, BlobRef reference, CancellationToken cancellationToken) => Task.FromResult(
        BlobBytes.Check(
            reference, _jobs.TryGetValue(job, out ConcurrentDictionary<string, byte[]>? blobs) ? blobs.GetValueOrDefault(reference.Key) : null));

    /// <inheritdoc/>
    public Task RemoveAsync(string job, IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        if (_jobs.TryGetValue(job, out ConcurrentDictionary<string, byte[]>? blobs))
        {
            foreach (string key in keys)
            {
                blobs.TryRemove(key, out _);
            }
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task RemoveAsync(string job, CancellationToken cancellationToken)
    {
        _jobs.TryRemove(job, out _);
        return Task.CompletedTask;
    }
}
