using Brownian.Models.Stages;

namespace Brownian.Jobs.Blobs;

/// <summary>Stores the tensors that stages pass on. They are kept until their job ends.</summary>
public interface IBlobStore
{
    /// <summary>Stores a value.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="key">The value's name within the job; an existing value of that name is replaced.</param>
    /// <param name="value">The value.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<BlobRef> PutAsync(string job, string key, StageValue value, CancellationToken cancellationToken);

    /// <summary>Returns a value, or null when it does not exist or differs from what was stored.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task<StageValue?> GetAsync(string job, BlobRef reference, CancellationToken cancellationToken);

    /// <summary>Removes the given values of a job.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task RemoveAsync(string job, IReadOnlyCollection<string> keys, CancellationToken cancellationToken);

    /// <summary>Removes all values of a job.</summary>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    Task RemoveAsync(string job, CancellationToken cancellationToken);
}
