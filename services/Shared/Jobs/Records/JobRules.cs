using Brownian.Jobs.Blobs;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Brownian.Jobs.Records;

/// <summary>
/// The steps of a job as pure functions from a record to the next one, or to null when the step is refused. Every store applies them by
/// compare-and-set on the record's version, so that a job ends exactly once and a worker that lost its lease changes nothing.
/// </summary>
public static class JobRules
{
    /// <summary>Creates the record of a job that is being submitted.</summary>
    /// <param name="now">The store's time.</param>
    public static JobRecord Submit(DateTimeOffset now) => new() { Phase = JobPhase.Submitting, WaitsSince = now, Sent = now };

    /// <summary>Accepts a submission: the broker confirmed the message, or a worker has received it.</summary>
    /// <returns>Null when the job is not being submitted.</returns>
    public static JobChange? Accept(StoredJob job, DateTimeOffset now) => job.Record.Phase == JobPhase.Submitting
        ? Change(
            job,
            job.Record with { Phase = JobPhase.Queued, WaitsSince = now, Warnings = job.Definition.Warnings },
            now,
            Acceptance(job))
        : null;

    /// <summary>The first events of a job: it is accepted, and the warnings about request fields that have no effect.</summary>
    private static JobEvent[] Acceptance(StoredJob job) =>
        [new JobEvent { Accepted = new Accepted() },
            .. job.Definition.Warnings.Select(warning => new JobEvent { Warning = new Warning { Message = warning } })];

    /// <summary>Abandons a submission that failed.</summary>
    /// <returns>Null when it was accepted in between.</returns>
    public static JobChange? Abandon(StoredJob job, DateTimeOffset now, JobPolicy policy) => job.Record.Phase == JobPhase.Submitting
        ? Change(job, End(job.Record, JobPhase.Abandoned, now, policy), now)
        : null;

    /// <summary>Gives a worker the lease of the current stage.</summary>
    /// <returns>Null when the job has ended, no stage waits, or another worker holds the lease.</returns>
    public static JobChange? Take(StoredJob job, string worker, DateTimeOffset now, JobPolicy policy)
    {
        JobRecord record = job.Record;
        var events = new List<JobEvent>();
        if (record.HasEnded || job.CurrentStage is not { } stage)
        {
            return null;
        }
        if (IsOverdue(job, now))
        {
            return Expire(job, now, policy);
        }
        if (record.Phase == JobPhase.Submitting)
        {
            events.AddRange(Acceptance(job));
            record = record with { Warnings = job.Definition.Warnings };
        }
        if (record.Phase == JobPhase.Running)
        {
            if (record.LeaseExpires > now)
            {
                return null;
            }
            JobChange expiredLease = ExpireLease(job, now, policy)!;
            if (expiredLease.Next.HasEnded)
            {
                return expiredLease;
            }
            record = expiredLease.Next with { LastEvent = job.Record.LastEvent };
            events.AddRange(expiredLease.Events);
        }
        JobRecord taken = record with
        {
            Phase = JobPhase.Running,
            Fence = record.Fence + 1,
            Worker = worker,
            LeaseExpires = now + policy.LeaseTime,
            Started = record.Started ?? now,
            Progress = null,
        };
        events.Add(new JobEvent
        {
            StageStarted = new StageStarted
            {
                Stage = stage.Name,
                Worker = worker,
                Attempt = taken.Fence,
                QueueTime = Duration.FromTimeSpan(now - (record.WaitsSince ?? now)),
                ResumedFrom = record.Checkpoint?.Evaluation ?? 0,
            },
        });
        return Change(job, taken, now, [.. events]);
    }

    /// <summary>Renews the worker's lease.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? Renew(StoredJob job, long fence, DateTimeOffset now, JobPolicy policy) => Holds(job, fence)
        ? Change(job, job.Record with { LeaseExpires = now + policy.LeaseTime }, now)
        : null;

    /// <summary>Stores the worker's progress.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? Report(StoredJob job, long fence, JobProgress progress, DateTimeOffset now) => Holds(job, fence)
        ? Change(job, job.Record with { Progress = progress }, now, new JobEvent
        {
            Progress = JobMessages.ToMessage(progress, job.CurrentStage!),
        })
        : null;

    /// <summary>Adds a worker's warning for the client.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? Warn(StoredJob job, long fence, string message, DateTimeOffset now)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        // A stage that runs again repeats its warnings.
        return job.Record.Warnings.Contains(message)
            ? Change(job, job.Record, now)
            : Change(
                job, job.Record with { Warnings = [.. job.Record.Warnings, message] }, now,
                new JobEvent { Warning = new Warning { Message = message } });
    }

    /// <summary>Adds a value of an output.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? Keep(StoredJob job, long fence, string output, BlobRef value, DateTimeOffset now)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        string key = $"{job.CurrentStage!.Name}.{output}";
        IReadOnlyList<BlobRef> before = job.Record.Outputs.GetValueOrDefault(key, []);
        // The answer to the first write was lost, and the worker repeats it.
        if (before.Any(known => known.Key == value.Key))
        {
            return Change(job, job.Record, now);
        }
        var outputs = new Dictionary<string, IReadOnlyList<BlobRef>>(job.Record.Outputs) { [key] = [.. before, value] };
        return Change(job, job.Record with { Outputs = outputs, Deaths = 0 }, now);
    }

    /// <summary>Adds a finished image.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? AddArtifact(StoredJob job, long fence, JobArtifact artifact, DateTimeOffset now)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        if (job.Record.Artifacts.Any(known => known.Id == artifact.Id))
        {
            return Change(job, job.Record, now);
        }
        return Change(
            job, job.Record with { Artifacts = [.. job.Record.Artifacts, artifact] }, now,
            new JobEvent { Artifact = JobMessages.ToMessage(artifact) });
    }

    /// <summary>Stores a checkpoint of the stage and renews the lease.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? SaveCheckpoint(StoredJob job, long fence, JobCheckpoint checkpoint, DateTimeOffset now, JobPolicy policy)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        long place = ((long)checkpoint.Image << 32) + checkpoint.Evaluation;
        // Only progress beyond all earlier attempts resets the count of deaths: a run that restarts and dies at the same place has made no progress.
        bool further = place > job.Record.Furthest;
        return Change(
            job,
            job.Record with
            {
                Checkpoint = checkpoint,
                Furthest = further ? place : job.Record.Furthest,
                Deaths = further ? 0 : job.Record.Deaths,
                LeaseExpires = now + policy.LeaseTime,
            },
            now);
    }

    /// <summary>Completes the stage; the job continues with the next one or is done.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? Complete(StoredJob job, long fence, TimeSpan serviceTime, DateTimeOffset now, JobPolicy policy)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        var completed =
            new JobEvent { StageCompleted = new StageCompleted { Stage = job.CurrentStage!.Name, ServiceTime = Duration.FromTimeSpan(serviceTime) } };
        JobRecord next =
            Released(job.Record, now) with { Stage = job.Record.Stage + 1, Checkpoint = null, Progress = null, Deaths = 0, Furthest = 0 };
        if (next.Stage < job.Definition.Plan.Stages.Count)
        {
            return Change(job, next, now, completed);
        }
        return Change(
            job,
            End(next, JobPhase.Done, now, policy),
            now,
            completed,
            new JobEvent { Done = new Done { TotalTime = Duration.FromTimeSpan(now - job.Definition.Created) } });
    }

    /// <summary>Releases the stage at the worker's request; no death is counted.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? ReturnStage(StoredJob job, long fence, string reason, DateTimeOffset now) => Holds(job, fence)
        ? Change(
            job, Released(job.Record, now), now,
            new JobEvent { StageReturned = new StageReturned { Stage = job.CurrentStage!.Name, Reason = reason } })
        : null;

    /// <summary>Returns the job to an earlier stage whose output was lost.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? Rewind(StoredJob job, long fence, string missing, DateTimeOffset now, JobPolicy policy)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        if (job.Record.Rewinds >= policy.MaxRewinds)
        {
            return Fail(
                job, fence, StatusCode.DataLoss, $"the output of stage {missing.Split('.')[0]} was lost {policy.MaxRewinds} times", now, policy);
        }
        int stage = job.Definition.Plan.IndexOf(missing);
        HashSet<string> again = [.. job.Definition.Plan.Stages.Skip(stage).Select(later => later.Name)];
        return Change(
            job,
            Released(job.Record, now) with
            {
                Stage = stage,
                Rewinds = job.Record.Rewinds + 1,
                Furthest = 0,
                Deaths = 0,
                Checkpoint = null,
                Progress = null,
                Outputs = job.Record.Outputs.Where(output => !again.Contains(output.Key.Split('.')[0])).ToDictionary(),
            },
            now,
            new JobEvent
            {
                StageReturned =
                    new StageReturned
                    {
                        Stage = job.CurrentStage!.Name,
                        Reason = $"{missing} no longer exists: stage {missing.Split('.')[0]} runs again",
                    }
            });
    }

    /// <summary>Releases a stage that aborted while its worker continues. Counted as a death, since the stage may abort every time.</summary>
    /// <returns>Null when the worker no longer holds the lease.</returns>
    public static JobChange? Abandon(StoredJob job, long fence, string reason, DateTimeOffset now, JobPolicy policy)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        int deaths = job.Record.Deaths + 1;
        string stage = job.CurrentStage!.Name;
        JobRecord released = Released(job.Record, now) with { Deaths = deaths };
        return deaths >= policy.FatalDeath
            ? Failed(job, released, StatusCode.Internal, $"stage {stage} stopped {deaths} times without progress: {reason}", now, policy)
            : Change(job, released, now, new JobEvent { StageReturned = new StageReturned { Stage = stage, Reason = reason } });
    }

    /// <summary>Releases a stage whose lease expired: its worker died, froze, or lost its connection to the store.</summary>
    /// <returns>Null when no lease expired.</returns>
    public static JobChange? ExpireLease(StoredJob job, DateTimeOffset now, JobPolicy policy)
    {
        JobRecord record = job.Record;
        if (record.Phase != JobPhase.Running || record.LeaseExpires > now)
        {
            return null;
        }
        int deaths = record.Deaths + 1;
        string stage = job.CurrentStage!.Name;
        JobRecord released = Released(record, now) with { Deaths = deaths };
        if (deaths >= policy.FatalDeath)
        {
            return Failed(
                job, released, StatusCode.Internal,
                $"stage {stage} lost its worker {deaths} times without progress; the last worker was {record.Worker}", now, policy);
        }
        return Change(
            job, released, now, new JobEvent { StageReturned = new StageReturned { Stage = stage, Reason = $"worker {record.Worker} was lost" } });
    }

    /// <summary>Records that a message for the stage is sent again.</summary>
    /// <returns>Null when the job waits for no message.</returns>
    public static JobChange? Resend(StoredJob job, DateTimeOffset now) => job.Record.Phase is JobPhase.Queued or JobPhase.Submitting
        ? Change(job, job.Record with { Sent = now }, now)
        : null;

    /// <summary>Fails the job: the stage cannot be completed.</summary>
    /// <param name="job">The job.</param>
    /// <param name="fence">The number of the worker's lease; null when no worker requests the step.</param>
    /// <param name="code">A google.rpc code.</param>
    /// <param name="message">The message for the client.</param>
    /// <param name="now">The store's time.</param>
    /// <param name="policy">The policy, for the retention.</param>
    /// <returns>Null when the job has ended or the worker no longer holds the lease.</returns>
    public static JobChange? Fail(StoredJob job, long? fence, StatusCode code, string message, DateTimeOffset now, JobPolicy policy) =>
        job.Record.HasEnded || (fence is { } number && !Holds(job, number)) ? null : Failed(job, job.Record, code, message, now, policy);

    /// <summary>Fails the job because its deadline passed.</summary>
    /// <returns>Null when the deadline has not passed, or the job has ended.</returns>
    public static JobChange? Expire(StoredJob job, DateTimeOffset now, JobPolicy policy) => IsOverdue(job, now)
        ? Failed(job, job.Record, StatusCode.DeadlineExceeded, $"the deadline {IsoTime.Format(job.Definition.Deadline!.Value)} passed", now, policy)
        : null;

    /// <summary>Cancels the job, or fails it when its deadline passed before.</summary>
    /// <returns>Null when the job has ended.</returns>
    public static JobChange? Cancel(StoredJob job, DateTimeOffset now, JobPolicy policy) => job.Record.HasEnded
        ? null
        : Expire(job, now, policy)
            ?? Change(job, End(job.Record, JobPhase.Cancelled, now, policy), now, new JobEvent { Cancelled = new Cancelled() });

    /// <summary>
    /// Extends the retention of a job that has expired while events of it are in the outbox: by an eighth of the retention at a time, up to twice the
    /// retention in all.
    /// </summary>
    /// <returns>Null when the job has not expired yet, or was kept for twice its retention.</returns>
    public static JobChange? AwaitEvents(StoredJob job, DateTimeOffset now, JobPolicy policy) =>
        job.Record is { HasEnded: true, Ended: { } ended, Expires: { } expires } && expires <= now && now < ended + (2 * policy.Retention)
            ? Change(job, job.Record with { Expires = now + (policy.Retention / 8) }, now)
            : null;

    /// <summary>Whether a worker's lease is the current one. An expired lease stays current until another worker takes the stage.</summary>
    public static bool Holds(StoredJob job, long fence) => job.Record.Phase == JobPhase.Running && job.Record.Fence == fence;

    /// <summary>When the reconciler must check the job although no worker reports; null for never.</summary>
    public static DateTimeOffset? NextCheck(JobDefinition definition, JobRecord record, JobPolicy policy) => record.Phase switch
    {
        JobPhase.Submitting => definition.Created + policy.SubmissionTime,
        JobPhase.Queued => definition.Deadline,
        JobPhase.Running => record.LeaseExpires < definition.Deadline || definition.Deadline is null ? record.LeaseExpires : definition.Deadline,
        _ => record.Callback?.Next < record.Expires ? record.Callback.Next : record.Expires,
    };

    private static bool IsOverdue(StoredJob job, DateTimeOffset now) => !job.Record.HasEnded && job.Definition.Deadline <= now;

    private static JobChange Failed(StoredJob job, JobRecord record, StatusCode code, string message, DateTimeOffset now, JobPolicy policy)
    {
        var failure = new JobFailure((int)code, message);
        return Change(
            job, End(record, JobPhase.Failed, now, policy) with { Failure = failure }, now,
            new JobEvent { Failed = new Failed { Error = JobMessages.ToMessage(failure) } });
    }

    private static JobRecord Released(JobRecord record, DateTimeOffset now) =>
        record with { Phase = JobPhase.Queued, Worker = null, LeaseExpires = null, WaitsSince = now, Sent = now };

    private static JobRecord End(JobRecord record, JobPhase phase, DateTimeOffset now, JobPolicy policy) => record with
    {
        Phase = phase,
        Worker = null,
        LeaseExpires = null,
        WaitsSince = null,
        Sent = null,
        Checkpoint = null,
        Outputs = new Dictionary<string, IReadOnlyList<BlobRef>>(),
        Ended = now,
        Expires = now + policy.Retention,
    };

    private static JobChange Change(StoredJob job, JobRecord next, DateTimeOffset now, params JobEvent[] events)
    {
        long id = job.Record.LastEvent;
        next = CallbackRules.Ended(job, next, now);
        Timestamp time = Timestamp.FromDateTimeOffset(now);
        foreach (JobEvent update in events)
        {
            update.Id = ++id;
            update.JobId = job.Definition.Id;
            update.Time = time;
        }
        return new JobChange(next with { LastEvent = id }, events) { Outbox = Outbox.Between(job.Record, next) };
    }
}
