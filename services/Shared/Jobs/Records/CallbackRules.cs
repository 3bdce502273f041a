namespace Brownian.Jobs.Records;

/// <summary>
/// The steps of a job's callback. Its state is part of the job's record, so that attempts survive the processes that make them: an attempt is
/// recorded before it is made, and one without an outcome counts as lost after a time and is made again.
/// </summary>
public static class CallbackRules
{
    /// <summary>The longest pause between attempts.</summary>
    public static readonly TimeSpan MaxPause = TimeSpan.FromHours(1);

    /// <summary>Returns the record of a step with the callback that is due when the step has ended the job.</summary>
    /// <param name="job">The job before the step.</param>
    /// <param name="next">The record after it.</param>
    /// <param name="now">The store's time.</param>
    internal static JobRecord Ended(StoredJob job, JobRecord next, DateTimeOffset now) =>
        !job.Record.HasEnded && HasCallback(job.Definition, next) ? next with { Callback = new JobCallback { Next = now } } : next;

    /// <summary>Whether an attempt is due.</summary>
    public static bool IsDue(StoredJob job, DateTimeOffset now) => job.Record.HasEnded && job.Record.Callback?.Next <= now;

    /// <summary>Begins an attempt.</summary>
    /// <param name="job">The job.</param>
    /// <param name="time">The time after which an attempt without an outcome counts as lost.</param>
    /// <param name="now">The store's time.</param>
    /// <returns>Null when no attempt is due: another process made it.</returns>
    public static JobChange? Begin(StoredJob job, TimeSpan time, DateTimeOffset now) => IsDue(job, now)
        ? Change(job, job.Record.Callback! with { Attempts = job.Record.Callback.Attempts + 1, Next = now + time })
        : null;

    /// <summary>Moves an attempt that is due to a later time, because too many run.</summary>
    /// <returns>Null when no attempt is due.</returns>
    public static JobChange? Postpone(StoredJob job, DateTimeOffset now, TimeSpan pause) => IsDue(job, now)
        ? Change(job, job.Record.Callback! with { Next = now + pause })
        : null;

    /// <summary>Records that the client's server accepted the call.</summary>
    /// <param name="job">The job.</param>
    /// <param name="attempt">The number of the attempt.</param>
    /// <param name="now">The store's time.</param>
    /// <returns>Null when a later attempt was begun, or the outcome is known.</returns>
    public static JobChange? Deliver(StoredJob job, int attempt, DateTimeOffset now) => Runs(job, attempt)
        ? Change(job, job.Record.Callback! with { Next = null, Delivered = now, Fault = null })
        : null;

    /// <summary>
    /// Records that an attempt failed. The next one follows after a pause that doubles with each attempt, up to <see cref="MaxPause"/>; none follows
    /// when the job is removed before.
    /// </summary>
    /// <param name="job">The job.</param>
    /// <param name="attempt">The number of the attempt.</param>
    /// <param name="fault">Why it failed.</param>
    /// <param name="isFinal">Whether no further attempt can succeed.</param>
    /// <param name="first">The first pause.</param>
    /// <param name="now">The store's time.</param>
    /// <returns>Null when a later attempt was begun, or the outcome is known.</returns>
    public static JobChange? Fail(StoredJob job, int attempt, string fault, bool isFinal, TimeSpan first, DateTimeOffset now)
    {
        if (!Runs(job, attempt))
        {
            return null;
        }
        DateTimeOffset next = now + PauseAfter(attempt, first);
        return Change(job, job.Record.Callback! with { Next = isFinal || next >= job.Record.Expires ? null : next, Fault = fault });
    }

    /// <summary>
    /// Keeps a job that has expired before its first attempt: an earlier version recorded its end, or no gateway ran. By an eighth of the retention
    /// at a time, up to twice the retention in all.
    /// </summary>
    /// <returns>Null when an attempt was made, or the job was kept for twice its retention.</returns>
    public static JobChange? Await(StoredJob job, DateTimeOffset now, JobPolicy policy) =>
        HasCallback(job.Definition, job.Record) && job.Record is { Ended: { } ended, Expires: { } expires } && expires <= now
            && job.Record.Callback is null or { Attempts: 0, Next: not null } && now < ended + (2 * policy.Retention)
            ? Change(job, new JobCallback { Next = now }, now + (policy.Retention / 8))
            : null;

    /// <summary>Returns the pause after an attempt.</summary>
    /// <param name="attempt">The number of the attempt, from 1.</param>
    /// <param name="first">The pause after the first one.</param>
    public static TimeSpan PauseAfter(int attempt, TimeSpan first) =>
        TimeSpan.FromSeconds(Math.Min(first.TotalSeconds * Math.Pow(2, attempt - 1), MaxPause.TotalSeconds));

    private static bool HasCallback(JobDefinition definition, JobRecord record) =>
        definition.CallbackUrl is not null && record is { HasEnded: true, Phase: not JobPhase.Abandoned };

    private static bool Runs(StoredJob job, int attempt) =>
        job.Record.Callback is { Delivered: null, Next: not null } callback && callback.Attempts == attempt;

    private static JobChange Change(StoredJob job, JobCallback callback, DateTimeOffset? expires = null) =>
        new(job.Record with { Callback = callback, Expires = expires ?? job.Record.Expires }, []);
}
