namespace Brownian.Jobs.Embeddings;

/// <summary>Lets one process of many compute a value that several of them need.</summary>
public interface IEncodingLock
{
    /// <summary>Acquires the lock of a key, or waits until its holder releases it.</summary>
    /// <param name="key">The key of the value that is computed.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>
    /// The lock, to be disposed once the value is stored; reports whether another process held it before and has therefore stored the value.
    /// </returns>
    Task<IEncodingLease> AcquireAsync(string key, CancellationToken cancellationToken);
}
