namespace Brownian.Jobs.Records;

/// <summary>Steps of jobs, retried when another process changes the job at the same time.</summary>
public static class JobStoreExtensions
{
    /// <summary>Makes a step, on the job as it is now. For a step that is not tried again when this throws.</summary>
    /// <inheritdoc cref="ApplyAsync(IJobStore, StoredJob, string, Func{StoredJob, DateTimeOffset, JobChange?}, CancellationToken)"/>
    public static Task<StoredJob?> ApplyAsync(
        this IJobStore store, StoredJob job, Func<StoredJob, DateTimeOffset, JobChange?> rule, CancellationToken cancellationToken) =>
        store.ApplyAsync(job, JobWrite.NewId(), rule, cancellationToken);

    /// <summary>Makes a step, on the job as it is now.</summary>
    /// <param name="store">The store.</param>
    /// <param name="job">The job as it was lately.</param>
    /// <param name="write">
    /// The step's id (<see cref="JobWrite.NewId"/>): the same whenever the same step is tried again, so that it is made once.
    /// </param>
    /// <param name="rule">One of <see cref="JobRules"/>; may be called again with a newer job and time.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>
    /// The job after it, or after what others wrote since where an earlier try made the step (<see cref="JobWrite.IsLast"/> tells); null when
    /// the rule refused it, or the job is gone.
    /// </returns>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached; the step may have been made.</exception>
    public static async Task<StoredJob?> ApplyAsync(
        this IJobStore store, StoredJob job, string write, Func<StoredJob, DateTimeOffset, JobChange?> rule, CancellationToken cancellationToken)
    {
        StoredJob? current = job;
        while (current is not null)
        {
            if (JobWrite.IsIn(current.Record, write))
            {
                return current;
            }
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
            if (await store.TryWriteAsync(current, JobWrite.Sign(change, write), cancellationToken).ConfigureAwait(false) is { } written)
            {
                return written;
            }
            current = await store.FindAsync(current.Definition.Id, cancellationToken).ConfigureAwait(false);
        }
        return null;
    }
}
