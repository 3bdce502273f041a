using Brownian.Jobs.Artifacts;

namespace Brownian.Jobs.Records;

/// <summary>Extensions for the files of jobs.</summary>
public static class ArtifactStoreExtensions
{
    /// <summary>Removes the files that came with the request of a job that is never run.</summary>
    /// <param name="artifacts">The store.</param>
    /// <param name="job">The job.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached.</exception>
    public static async Task RemoveFilesAsync(this IArtifactStore artifacts, StoredJob job, CancellationToken cancellationToken)
    {
        foreach (string file in job.Definition.Files)
        {
            await artifacts.RemoveAsync(file, cancellationToken).ConfigureAwait(false);
        }
    }
}
