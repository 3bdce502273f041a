namespace Brownian.Jobs.Artifacts;

/// <summary>
/// Where finished images and uploaded images are: whole files by id. Redis and a folder are two; an object store could be a third.
/// </summary>
public interface IArtifactStore
{
    /// <summary>Stores a file; the same id again replaces it.</summary>
    /// <param name="id">Letters, digits, dashes and underscores.</param>
    /// <param name="bytes">The file.</param>
    /// <param name="lifetime">How long it is kept unless it is removed before; null for as long as its job.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task PutAsync(string id, ReadOnlyMemory<byte> bytes, TimeSpan? lifetime, CancellationToken cancellationToken);

    /// <summary>A file; null when it is gone.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<byte[]?> GetAsync(string id, CancellationToken cancellationToken);

    /// <summary>Keeps a file for longer, without reading it: at least as long as is said, and never less long than it was kept before.</summary>
    /// <param name="id">The file.</param>
    /// <param name="lifetime">How long, from now.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Whether it is there.</returns>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<bool> TouchAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Removes a file.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task RemoveAsync(string id, CancellationToken cancellationToken);
}
