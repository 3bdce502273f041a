namespace Brownian.Jobs.Embeddings;

/// <summary>The lock for a single process, whose cache already computes each key once.</summary>
public sealed class LocalEncodingLock : IEncodingLock
{
    /// <inheritdoc/>
    public Task<IEncodingLease> AcquireAsync(string key, CancellationToken cancellationToken) => Task.FromResult<IEncodingLease>(new Lease());

    private sealed class Lease : IEncodingLease
    {
        public bool Waited => false;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
