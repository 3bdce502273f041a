using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Jobs.Costs;
using Brownian.Models.Facts;

namespace Brownian.Jobs.Catalog;

/// <summary>
/// The models and the workers that serve them. Workers publish both repeatedly; a model stays in the catalogue after its last worker is gone.
/// </summary>
public interface ICatalog
{
    /// <summary>Publishes a worker's card; this is the worker's heartbeat.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task PublishAsync(WorkerCard worker, CancellationToken cancellationToken);

    /// <summary>Removes a worker.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task RemoveAsync(string worker, CancellationToken cancellationToken);

    /// <summary>The workers whose last heartbeat is recent.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<IReadOnlyList<WorkerCard>> WorkersAsync(CancellationToken cancellationToken);

    /// <summary>Publishes a model that a worker serves.</summary>
    /// <exception cref="ModelException">A live worker serves other files under the same name.</exception>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task PublishAsync(ModelCard model, CancellationToken cancellationToken);

    /// <summary>Returns every model in the catalogue.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancellationToken);

    /// <summary>Publishes a model's signature, with which adapters are compared.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task PublishAsync(ModelSignature signature, CancellationToken cancellationToken);

    /// <summary>Returns a model's signature, with which adapters are compared; null when no worker has published one for these files.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<ModelSignature?> FindSignatureAsync(string name, string fingerprint, CancellationToken cancellationToken);

    /// <summary>Returns a model by name, or null.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<ModelCard?> FindModelAsync(string name, CancellationToken cancellationToken);

    /// <summary>Publishes measured times of stages. Of each shape the last <see cref="StageCosts.MaxSamples"/> are kept.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task PublishAsync(IReadOnlyCollection<CostSample> samples, CancellationToken cancellationToken);

    /// <summary>Returns the times of stages that all workers have published.</summary>
    /// <exception cref="PlatformUnavailableException">The catalogue cannot be reached.</exception>
    Task<StageCosts> CostsAsync(CancellationToken cancellationToken);
}
