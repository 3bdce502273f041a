namespace Brownian.Jobs.Artifacts;

/// <summary>
/// Stores finished images and uploaded images: whole files by id. Redis and a folder are implementations; an object store could be a third.
/// </summary>
public interface IArtifactStore
{
    /// <summary>Stores a file and replaces an existing file of the same id.</summary>
    /// <param name="id">Letters, digits, dashes and underscores.</param>
    /// <param name="bytes">The file.</param>
    /// <param name="lifetime">How long the file is kept unless it is removed earlier; null to keep it as long as its job.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken);

    /// <summary>Returns a file, or null when it does not exist or has expired.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken);

    /// <summary>Extends the lifetime of a file without reading it. The lifetime never becomes shorter than it was.</summary>
    /// <param name="id">The file.</param>
    /// <param name="lifetime">The least remaining lifetime, from now.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Whether the file exists.</returns>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<bool> TouchAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Removes a file.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task RemoveAsync(string id, CancellationToken cancellationToken);
}
