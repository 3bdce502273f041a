namespace Brownian.Jobs.Embeddings;

/// <summary>Lets one process of many compute what all of them miss.</summary>
public interface IEncodingLock
{
    /// <summary>Takes the lock of a key, or waits until another holder has given it back.</summary>
    /// <param name="key">What is computed.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>To dispose when it is computed; says whether another process held it before, which has stored the result.</returns>
    Task<IEncodingLease> AcquireAsync(string key, CancellationToken cancellationToken);
}
