using Brownian.Models.Stages;

namespace Brownian.Jobs.Blobs;

/// <summary>Where tensors are on their way from stage to stage. They stay as long as their job runs.</summary>
public interface IBlobStore
{
    /// <summary>Stores a value.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="key">Its name within the job; another value of that name is replaced.</param>
    /// <param name="value">The value.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<BlobRef> PutAsync(string job, string key, StageValue value, CancellationToken cancellationToken);

    /// <summary>A value; null when it is gone, or is not what was stored.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<StageValue?> GetAsync(string job, BlobRef reference, CancellationToken cancellationToken);

    /// <summary>Removes some values of a job.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task RemoveAsync(string job, IReadOnlyCollection<string> keys, CancellationToken cancellationToken);

    /// <summary>Removes all values of a job.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task RemoveAsync(string job, CancellationToken cancellationToken);
}
