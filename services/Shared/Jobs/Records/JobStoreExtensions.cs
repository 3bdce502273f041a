using Brownian.Jobs.Access;

namespace Brownian.Jobs.Records;

/// <summary>Applies steps to jobs, and retries when another process changes the job at the same time.</summary>
public static class JobStoreExtensions
{
    /// <summary>Creates a job without quotas.</summary>
    /// <inheritdoc cref="IJobStore.CreateAsync"/>
    public static Task<StoredJob?> CreateAsync(this IJobStore store, StoredJob job, CancellationToken cancellationToken) =>
        store.CreateAsync(job, Admission.Free, cancellationToken);

    /// <summary>Applies a step to the current state of the job. For steps that are not retried after an exception.</summary>
    /// <inheritdoc cref="ApplyAsync(IJobStore, StoredJob, string, Func{StoredJob, DateTimeOffset, JobChange?}, CancellationToken)"/>
    public static Task<StoredJob?> ApplyAsync(
        this IJobStore store, StoredJob job, Func<StoredJob, DateTimeOffset, JobChange?> rule, CancellationToken cancellationToken) =>
        store.ApplyAsync(job, JobWrite.NewId(), rule, cancellationToken);

    /// <summary>Applies a step to the current state of the job.</summary>
    /// <param name="store">The store.</param>
    /// <param name="job">A recent state of the job.</param>
    /// <param name="write">
    /// The step's id (<see cref="JobWrite.NewId"/>). It stays the same over all retries of the step, so that the step is applied once.
    /// </param>
    /// <param name="rule">One of <see cref="JobRules"/>; may be called again with a newer job and time.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>
    /// The job after the step. When an earlier try applied the step, the current job, which may contain later writes of others
    /// (<see cref="JobWrite.IsLast"/> distinguishes the cases). Null when the rule refused the step or the job no longer exists.
    /// </returns>
    /// <exception cref="PlatformUnavailableException">The store cannot be reached; the step may have been applied.</exception>
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
                // The refusal may be based on a stale job.
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
