using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Models.Facts;

namespace Brownian.Jobs.Catalog;

/// <summary>
/// Which models there are and which workers serve them. Workers announce it repeatedly; a model stays known when its last worker is gone.
/// </summary>
public interface ICatalog
{
    /// <summary>A worker says that it is there.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task PublishAsync(WorkerCard worker, CancellationToken cancellationToken);

    /// <summary>A worker is gone.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task RemoveAsync(string worker, CancellationToken cancellationToken);

    /// <summary>The workers that were heard of lately.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken);

    /// <summary>A worker describes a model that it serves.</summary>
    /// <exception cref="ModelException">A worker that is there serves other files under the same name.</exception>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task PublishAsync(ModelCard model, CancellationToken cancellationToken);

    /// <summary>Every known model.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken);

    /// <summary>A worker says what adapters for a model are compared with.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task PublishAsync(ModelSignature outline, CancellationToken cancellationToken);

    /// <summary>What adapters for a model are compared with; null where no worker has said it, or of other files.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<ModelSignature?> FindSignatureAsync(string name, string fingerprint, CancellationToken cancellationToken);

    /// <summary>A model by name, or null.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<ModelCard?> FindModelAsync(string name, CancellationToken cancellationToken);
}
