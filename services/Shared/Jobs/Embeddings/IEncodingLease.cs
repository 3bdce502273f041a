namespace Brownian.Jobs.Embeddings;

/// <summary>A lock of a key.</summary>
public interface IEncodingLease : IAsyncDisposable
{
    /// <summary>Whether another process had it before this one.</summary>
    bool Waited { get; }
}
