namespace Brownian.Platform.Jobs;

/// <summary>Steps of jobs, whoever else makes some at the same time.</summary>
public static class JobStoreExtensions
{
    /// <summary>Makes a step, on the job as it is now.</summary>
    /// <param name="store">The store.</param>
    /// <param name="job">The job as it was lately.</param>
    /// <param name="rule">One of <see cref="JobRules"/>; may be called again with a newer job and time.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The job after it; null when the rule refused it, or the job is gone.</returns>
    public static async Task<StoredJob?> ApplyAsync(this IJobStore store, StoredJob job, Func<StoredJob, DateTimeOffset, JobChange?> rule, CancellationToken cancellationToken)
    {
        StoredJob? current = job;
        while (current is not null)
        {
            if (rule(current, store.Clock.GetUtcNow()) is not { } change)
            {
                // Refused on what may be old.
                StoredJob? newer = await store.FindAsync(current.Definition.Id, cancellationToken).ConfigureAwait(false);
                if (newer is null || newer.Version == current.Version)
                {
                    return null;
                }
                current = newer;
                continue;
            }
            if (await store.TryWriteAsync(current, change, cancellationToken).ConfigureAwait(false) is { } written)
            {
                return written;
            }
            current = await store.FindAsync(current.Definition.Id, cancellationToken).ConfigureAwait(false);
        }
        return null;
    }
}
