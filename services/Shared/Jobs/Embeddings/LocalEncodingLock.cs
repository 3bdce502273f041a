namespace Brownian.Jobs.Embeddings;

/// <summary>For one process, whose cache computes a key once by itself.</summary>
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
