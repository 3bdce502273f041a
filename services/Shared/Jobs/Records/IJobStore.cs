using Brownian.Jobs.Access;
using Brownian.V1;

namespace Brownian.Jobs.Records;

/// <summary>
/// Stores jobs. Writes are compare-and-set on a job's version; the record, its events, its outbox entries and the store's indexes change together or
/// not at all. Every method throws <see cref="PlatformUnavailableException"/> when the store cannot be reached.
/// </summary>
public interface IJobStore : IPendingWork, ITenantLedger
{
    /// <summary>The store's clock, by which all times of jobs are set.</summary>
    TimeProvider Clock { get; }

    /// <summary>Creates a job, and appends its entry to the audit log.</summary>
    /// <param name="job">The job, with version 1.</param>
    /// <param name="admission">The quotas of its tenant, and the entry.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Null when it was created; otherwise the existing job of the same id or idempotency key.</returns>
    /// <exception cref="QuotaExceededException">A quota would be exceeded; nothing was stored.</exception>
    Task<StoredJob?> CreateAsync(StoredJob job, Admission admission, CancellationToken cancellationToken);

    /// <summary>Returns a job, or null.</summary>
    Task<StoredJob?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>Returns the job of an idempotency key (<see cref="JobDefinition.StoredKey"/>), or null.</summary>
    Task<StoredJob?> FindByKeyAsync(string key, CancellationToken cancellationToken);

    /// <summary>Returns a job's version; 0 when the job does not exist. Cheap.</summary>
    Task<long> VersionAsync(string id, CancellationToken cancellationToken);

    /// <summary>Writes a step, if the job's version has not changed.</summary>
    /// <returns>The job after the step; null when another process changed it in between.</returns>
    Task<StoredJob?> TryWriteAsync(StoredJob before, JobChange change, CancellationToken cancellationToken);

    /// <summary>Returns a job's events after the given id, in order.</summary>
    Task<IReadOnlyList<JobEvent>> EventsAsync(string id, long after, int most, CancellationToken cancellationToken);

    /// <summary>
    /// Stores a job's newest preview in place of the previous one, and signals it like a change. The write that ends the job removes the preview.
    /// </summary>
    /// <param name="id">The job.</param>
    /// <param name="fence">The lease of the worker that made it.</param>
    /// <param name="preview">The event that watchers receive.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>False, and nothing is stored, when the lease is not the current one: <see cref="JobRules.Holds"/>.</returns>
    Task<bool> TryPutPreviewAsync(string id, long fence, JobEvent preview, CancellationToken cancellationToken);

    /// <summary>Returns a job's newest preview.</summary>
    /// <param name="id">The job.</param>
    /// <param name="known">The number of the preview that the caller has; 0 for none.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Null when there is none, or when it is the one that the caller has.</returns>
    Task<JobPreview?> FindPreviewAsync(string id, long known, CancellationToken cancellationToken);

    /// <summary>Lists jobs, newest first.</summary>
    Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken);

    /// <summary>Returns the jobs that the reconciler must check by now: <see cref="JobRules.NextCheck"/>.</summary>
    Task<IReadOnlyList<string>> DueAsync(int most, CancellationToken cancellationToken);

    /// <summary>Returns the number of jobs that have not ended.</summary>
    Task<long> CountActiveAsync(CancellationToken cancellationToken);

    /// <summary>Returns the used share of the store's capacity, 0..1; 0 when the store has no limit of its own. At most one second old.</summary>
    Task<double> FillAsync(CancellationToken cancellationToken);

    /// <summary>Returns the queues that jobs wait in, with the number of jobs in each.</summary>
    Task<IReadOnlyDictionary<string, long>> WaitingAsync(CancellationToken cancellationToken);

    /// <summary>Returns jobs that wait in a queue and whose message was sent before the given time, oldest first.</summary>
    Task<IReadOnlyList<string>> WaitingAsync(string queue, DateTimeOffset sentBefore, int most, CancellationToken cancellationToken);

    /// <summary>Returns the number of jobs that wait in a queue and whose message was sent before the given time.</summary>
    Task<long> CountWaitingAsync(string queue, DateTimeOffset sentBefore, CancellationToken cancellationToken);

    /// <summary>
    /// Calls back after a write of this process that put events into the outbox, with the job after the write. There is no call for a write whose
    /// answer is lost.
    /// </summary>
    IDisposable OnPosted(Action<StoredJob, IReadOnlyList<IntegrationEventKind>> posted);

    /// <summary>Returns events that were put into the outbox before the given time, oldest first.</summary>
    Task<IReadOnlyList<PendingEvent>> PendingEventsAsync(DateTimeOffset postedBefore, int most, CancellationToken cancellationToken);

    /// <summary>Whether the outbox contains an event of a job.</summary>
    Task<bool> HasPendingEventsAsync(string id, CancellationToken cancellationToken);

    /// <summary>Removes published events from the outbox. Removing one that is not in it is no error.</summary>
    Task RemovePendingEventsAsync(IReadOnlyCollection<PendingEvent> published, CancellationToken cancellationToken);

    /// <summary>Removes a job, its events and its outbox entries.</summary>
    Task RemoveAsync(string id, CancellationToken cancellationToken);

    /// <summary>
    /// Calls back after a job changed, in whichever process. May call once too often, and may miss a change during an outage of the store.
    /// </summary>
    IDisposable OnChange(string id, Action changed);

    /// <summary>Acquires or renews a named lease for one holder, for work that only one process does at a time.</summary>
    /// <returns>Whether the holder has the lease until the time is over.</returns>
    Task<bool> TryLeadAsync(string name, string holder, TimeSpan time, CancellationToken cancellationToken);

    /// <summary>Returns warnings for the log about data that the store's configuration could lose; empty when there are none.</summary>
    Task<IReadOnlyList<string>> ConfigurationWarningsAsync(CancellationToken cancellationToken);
}
