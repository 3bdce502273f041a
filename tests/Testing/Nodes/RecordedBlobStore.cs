using System.Collections.Concurrent;
using Brownian.Jobs.Blobs;
using Brownian.Models.Stages;

namespace Brownian.Testing.Nodes;

/// <summary>A store of tensors that records the jobs whose tensors it holds.</summary>
internal sealed class RecordedBlobStore(IBlobStore inner) : IBlobStore
{
    private readonly ConcurrentDictionary<string, bool> _jobs = new(StringComparer.Ordinal);

    /// <summary>The jobs whose tensors it holds.</summary>
    public IReadOnlyList<string> Jobs => [.. _jobs.Keys.Order(StringComparer.Ordinal)];

    public Task<BlobRef> PutAsync(string job, string key, StageValue value, CancellationToken cancellationToken)
    {
        _jobs[job] = true;
        return inner.PutAsync(job, key, value, cancellationToken);
    }

    public Task<StageValue?> GetAsync(string job, BlobRef reference, CancellationToken cancellationToken) =>
        inner.GetAsync(job, reference, cancellationToken);

    public Task RemoveAsync(string job, IReadOnlyCollection<string> keys, CancellationToken cancellationToken) =>
        inner.RemoveAsync(job, keys, cancellationToken);

    public async Task RemoveAsync(string job, CancellationToken cancellationToken)
    {
        await inner.RemoveAsync(job, cancellationToken);
        _jobs.TryRemove(job, out _);
    }
}
