using Brownian.V1;

namespace Brownian.Jobs.Records;

/// <summary>
/// Where jobs are kept. Writes are compare-and-set on a job's version; the record, its events, its part of the outbox and what the store looks
/// jobs up by change together or not at all. Every method throws <see cref="PlatformUnavailableException"/> when the store cannot be reached.
/// </summary>
public interface IJobStore
{
    /// <summary>The store's clock: all times of jobs are its times.</summary>
    TimeProvider Clock { get; }

    /// <summary>Writes a new job down.</summary>
    /// <param name="job">Of version 1.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Null when it was written; the job of the same id or idempotency key when there is one.</returns>
    Task<StoredJob?> CreateAsync(StoredJob job, CancellationToken cancellationToken);

    /// <summary>A job, or null.</summary>
    Task<StoredJob?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>The job of an idempotency key, or null.</summary>
    Task<StoredJob?> FindByKeyAsync(string key, CancellationToken cancellationToken);

    /// <summary>A job's version; 0 when there is no such job. Cheap.</summary>
    Task<long> VersionAsync(string id, CancellationToken cancellationToken);

    /// <summary>Makes a step, if the job is still what it was.</summary>
    /// <returns>The job after it; null when another process changed it meanwhile.</returns>
    Task<StoredJob?> TryWriteAsync(StoredJob before, JobChange change, CancellationToken cancellationToken);

    /// <summary>A job's events after one, in order.</summary>
    Task<IReadOnlyList<JobEvent>> EventsAsync(string id, long after, int most, CancellationToken cancellationToken);

    /// <summary>
    /// Keeps a job's newest preview in place of the one before, and tells of it as of a change. It goes with the write that ends the job.
    /// </summary>
    /// <param name="id">The job.</param>
    /// <param name="fence">The lease of the worker that made it.</param>
    /// <param name="preview">The event that watchers are told.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>False, and nothing is kept, when the lease is not the current one: <see cref="JobRules.Holds"/>.</returns>
    Task<bool> TryPutPreviewAsync(string id, long fence, JobEvent preview, CancellationToken cancellationToken);

    /// <summary>A job's newest preview.</summary>
    /// <param name="id">The job.</param>
    /// <param name="known">The number of the one that is known; 0 for none.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Null when there is none, or it is the known one.</returns>
    Task<JobPreview?> FindPreviewAsync(string id, long known, CancellationToken cancellationToken);

    /// <summary>Jobs, the newest first.</summary>
    Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken);

    /// <summary>Jobs that the reconciler must check by now: <see cref="JobRules.NextCheck"/>.</summary>
    Task<IReadOnlyList<string>> DueAsync(int most, CancellationToken cancellationToken);

    /// <summary>How many jobs have not ended.</summary>
    Task<long> CountActiveAsync(CancellationToken cancellationToken);

    /// <summary>How much of the room that the store may take is taken, 0..1; 0 where it has no bound of its own. A second old at most.</summary>
    Task<double> FillAsync(CancellationToken cancellationToken);

    /// <summary>The queues that jobs wait in, and how many in each.</summary>
    Task<IReadOnlyDictionary<string, long>> WaitingAsync(CancellationToken cancellationToken);

    /// <summary>Jobs that wait in a queue and whose message was sent before a time, the oldest first.</summary>
    Task<IReadOnlyList<string>> WaitingAsync(string queue, DateTimeOffset sentBefore, int most, CancellationToken cancellationToken);

    /// <summary>
    /// Calls back, in the process that made it, after a write that put events into the outbox: with the job after it. A write whose answer is
    /// lost tells of nothing.
    /// </summary>
    IDisposable OnPosted(Action<StoredJob, IReadOnlyList<IntegrationEventKind>> posted);

    /// <summary>Events that are in the outbox since a time or longer, the oldest first.</summary>
    Task<IReadOnlyList<PendingEvent>> PendingEventsAsync(DateTimeOffset postedBefore, int most, CancellationToken cancellationToken);

    /// <summary>Whether the outbox has an event of a job.</summary>
    Task<bool> HasPendingEventsAsync(string id, CancellationToken cancellationToken);

    /// <summary>Takes events out of the outbox: they are published. One that is not in it is no error.</summary>
    Task RemovePendingEventsAsync(IReadOnlyCollection<PendingEvent> published, CancellationToken cancellationToken);

    /// <summary>Forgets a job, its events and its part of the outbox.</summary>
    Task RemoveAsync(string id, CancellationToken cancellationToken);

    /// <summary>Calls back after a job changed, wherever that happened; may call once too often, or miss one while the store is away.</summary>
    IDisposable OnChange(string id, Action changed);

    /// <summary>A lease of a name for one holder, to do something that only one process does at a time.</summary>
    /// <returns>Whether the holder has it until the time is over.</returns>
    Task<bool> TryLeadAsync(string name, string holder, TimeSpan time, CancellationToken cancellationToken);

    /// <summary>What could be lost by the way the store is set up, for the log; empty where nothing.</summary>
    Task<IReadOnlyList<string>> WeaknessesAsync(CancellationToken cancellationToken);
}
