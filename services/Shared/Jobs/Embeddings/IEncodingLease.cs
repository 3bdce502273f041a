namespace Brownian.Jobs.Embeddings;

/// <summary>A held lock of a key.</summary>
public interface IEncodingLease : IAsyncDisposable
{
    /// <summary>Whether another process held the lock before this one.</summary>
    bool Waited { get; }
}
