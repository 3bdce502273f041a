using Brownian.Jobs.Blobs;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Brownian.Jobs.Records;

/// <summary>
/// The life of a job as pure functions: from a record to the next one, or null where the step is refused. Every store applies them by
/// compare-and-set on the record's version, so that a job ends exactly once and a worker whose lease was taken over changes nothing.
/// </summary>
public static class JobRules
{
    /// <summary>The record of a job that is being submitted.</summary>
    /// <param name="now">The store's time.</param>
    public static JobRecord Submit(DateTimeOffset now) => new() { Phase = JobPhase.Submitting, WaitsSince = now, Sent = now };

    /// <summary>The submission is safe: the broker confirmed it, or a worker has its message in hand.</summary>
    /// <returns>Null when it is not being submitted.</returns>
    public static JobChange? Accept(StoredJob job, DateTimeOffset now) => job.Record.Phase == JobPhase.Submitting
        ? Change(
            job,
            job.Record with { Phase = JobPhase.Queued, WaitsSince = now, Warnings = job.Definition.Warnings },
            now,
            Acceptance(job))
        : null;

    /// <summary>The first events of a job: it is accepted, and what of its request changes nothing.</summary>
    private static JobEvent[] Acceptance(StoredJob job) =>
        [new JobEvent { Accepted = new Accepted() },
            .. job.Definition.Warnings.Select(warning => new JobEvent { Warning = new Warning { Message = warning } })];

    /// <summary>The submission failed.</summary>
    /// <returns>Null when it was accepted meanwhile.</returns>
    public static JobChange? Abandon(StoredJob job, DateTimeOffset now, JobPolicy policy) => job.Record.Phase == JobPhase.Submitting
        ? Change(job, End(job.Record, JobPhase.Abandoned, now, policy), now)
        : null;

    /// <summary>A worker takes the stage.</summary>
    /// <returns>Null when the job has ended, no stage waits, or another worker's lease holds.</returns>
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
            JobChange lost = Lose(job, now, policy)!;
            if (lost.Next.HasEnded)
            {
                return lost;
            }
            record = lost.Next with { LastEvent = job.Record.LastEvent };
            events.AddRange(lost.Events);
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

    /// <summary>The worker still works.</summary>
    /// <returns>Null when it has no lease any more.</returns>
    public static JobChange? Renew(StoredJob job, long fence, DateTimeOffset now, JobPolicy policy) => Holds(job, fence)
        ? Change(job, job.Record with { LeaseExpires = now + policy.LeaseTime }, now)
        : null;

    /// <summary>The worker tells how far it is.</summary>
    /// <returns>Null when it has no lease any more.</returns>
    public static JobChange? Report(StoredJob job, long fence, JobProgress progress, DateTimeOffset now) => Holds(job, fence)
        ? Change(job, job.Record with { Progress = progress }, now, new JobEvent
        {
            Progress = new Progress
            {
                Stage = job.CurrentStage!.Name,
                Picture = progress.Picture,
                Pictures = progress.Pictures,
                Evaluation = progress.Evaluation,
                Evaluations = progress.Evaluations,
            },
        })
        : null;

    /// <summary>The worker warns the client.</summary>
    /// <returns>Null when it has no lease any more.</returns>
    public static JobChange? Warn(StoredJob job, long fence, string message, DateTimeOffset now)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        // A stage that runs again warns again.
        return job.Record.Warnings.Contains(message)
            ? Change(job, job.Record, now)
            : Change(
                job, job.Record with { Warnings = [.. job.Record.Warnings, message] }, now,
                new JobEvent { Warning = new Warning { Message = message } });
    }

    /// <summary>The worker keeps a value of an output, or a finished image, or both.</summary>
    /// <returns>Null when it has no lease any more.</returns>
    public static JobChange? Keep(StoredJob job, long fence, string output, BlobRef value, DateTimeOffset now)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        string key = $"{job.CurrentStage!.Name}.{output}";
        IReadOnlyList<BlobRef> before = job.Record.Outputs.GetValueOrDefault(key, []);
        // The answer to the first time was lost, and the worker says it again.
        if (before.Any(known => known.Key == value.Key))
        {
            return Change(job, job.Record, now);
        }
        var outputs = new Dictionary<string, IReadOnlyList<BlobRef>>(job.Record.Outputs) { [key] = [.. before, value] };
        return Change(job, job.Record with { Outputs = outputs, Deaths = 0 }, now);
    }

    /// <summary>The worker finished an image.</summary>
    /// <returns>Null when it has no lease any more.</returns>
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

    /// <summary>The worker saved where it is.</summary>
    /// <returns>Null when it has no lease any more.</returns>
    public static JobChange? SaveCheckpoint(StoredJob job, long fence, JobCheckpoint checkpoint, DateTimeOffset now, JobPolicy policy)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        long place = ((long)checkpoint.Picture << 32) + checkpoint.Evaluation;
        // Only progress beyond all earlier attempts resets the count of deaths: a run that starts again and dies at the same place has made none.
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

    /// <summary>The worker finished the stage; the job goes on to the next one or is done.</summary>
    /// <returns>Null when it has no lease any more.</returns>
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

    /// <summary>The worker gives the stage back; no death is counted.</summary>
    /// <returns>Null when it has no lease any more.</returns>
    public static JobChange? HandBack(StoredJob job, long fence, string reason, DateTimeOffset now) => Holds(job, fence)
        ? Change(
            job, Released(job.Record, now), now,
            new JobEvent { StageReturned = new StageReturned { Stage = job.CurrentStage!.Name, Reason = reason } })
        : null;

    /// <summary>What an earlier stage made is gone: the job goes back to that stage.</summary>
    /// <returns>Null when the worker has no lease any more.</returns>
    public static JobChange? Rewind(StoredJob job, long fence, string missing, DateTimeOffset now, JobPolicy policy)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        if (job.Record.Rewinds >= policy.MaxRewinds)
        {
            return Fail(job, fence, StatusCode.DataLoss, $"what stage {missing.Split('.')[0]} made was lost {policy.MaxRewinds} times", now, policy);
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
                    new StageReturned { Stage = job.CurrentStage!.Name, Reason = $"{missing} is gone: stage {missing.Split('.')[0]} runs again" }
            });
    }

    /// <summary>The stage stopped by itself and its worker goes on: counted as a death, since it may do so every time.</summary>
    /// <returns>Null when the worker has no lease any more.</returns>
    public static JobChange? GiveUp(StoredJob job, long fence, string reason, DateTimeOffset now, JobPolicy policy)
    {
        if (!Holds(job, fence))
        {
            return null;
        }
        int deaths = job.Record.Deaths + 1;
        string stage = job.CurrentStage!.Name;
        JobRecord released = Released(job.Record, now) with { Deaths = deaths };
        return deaths >= policy.FatalDeath
            ? Failed(job, released, StatusCode.Internal, $"stage {stage} stopped {deaths} times without getting further: {reason}", now, policy)
            : Change(job, released, now, new JobEvent { StageReturned = new StageReturned { Stage = stage, Reason = reason } });
    }

    /// <summary>A lease ran out: its worker died, or froze, or lost its way to the store.</summary>
    /// <returns>Null when no lease ran out.</returns>
    public static JobChange? Lose(StoredJob job, DateTimeOffset now, JobPolicy policy)
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
                $"stage {stage} lost its worker {deaths} times without getting further; the last one was {record.Worker}", now, policy);
        }
        return Change(
            job, released, now, new JobEvent { StageReturned = new StageReturned { Stage = stage, Reason = $"worker {record.Worker} was lost" } });
    }

    /// <summary>A message for the stage is sent again.</summary>
    /// <returns>Null when the job waits for none.</returns>
    public static JobChange? Resend(StoredJob job, DateTimeOffset now) => job.Record.Phase is JobPhase.Queued or JobPhase.Submitting
        ? Change(job, job.Record with { Sent = now }, now)
        : null;

    /// <summary>The stage cannot be done.</summary>
    /// <param name="job">The job.</param>
    /// <param name="fence">The worker's lease; null where no worker speaks.</param>
    /// <param name="code">A google.rpc code.</param>
    /// <param name="message">For the client.</param>
    /// <param name="now">The store's time.</param>
    /// <param name="policy">How long it is kept.</param>
    /// <returns>Null when the job has ended or the worker has no lease any more.</returns>
    public static JobChange? Fail(StoredJob job, long? fence, StatusCode code, string message, DateTimeOffset now, JobPolicy policy) =>
        job.Record.HasEnded || (fence is { } number && !Holds(job, number)) ? null : Failed(job, job.Record, code, message, now, policy);

    /// <summary>The deadline passed.</summary>
    /// <returns>Null when it has not, or the job has ended.</returns>
    public static JobChange? Expire(StoredJob job, DateTimeOffset now, JobPolicy policy) => IsOverdue(job, now)
        ? Failed(job, job.Record, StatusCode.DeadlineExceeded, $"the deadline {IsoTime.Format(job.Definition.Deadline!.Value)} passed", now, policy)
        : null;

    /// <summary>The job is cancelled, or its deadline passed before that.</summary>
    /// <returns>Null when it has ended.</returns>
    public static JobChange? Cancel(StoredJob job, DateTimeOffset now, JobPolicy policy) => job.Record.HasEnded
        ? null
        : Expire(job, now, policy)
            ?? Change(job, End(job.Record, JobPhase.Cancelled, now, policy), now, new JobEvent { Cancelled = new Cancelled() });

    /// <summary>
    /// The job's time is over, but events of it wait in the outbox: it is kept for an eighth of its retention longer, until it was kept for twice
    /// its retention in all.
    /// </summary>
    /// <returns>Null when its time is not over yet, or it was kept long enough.</returns>
    public static JobChange? AwaitEvents(StoredJob job, DateTimeOffset now, JobPolicy policy) =>
        job.Record is { HasEnded: true, Ended: { } ended, Expires: { } expires } && expires <= now && now < ended + (2 * policy.Retention)
            ? Change(job, job.Record with { Expires = now + (policy.Retention / 8) }, now)
            : null;

    /// <summary>Whether a worker's lease is the current one. A lease that ran out holds until another worker takes over.</summary>
    public static bool Holds(StoredJob job, long fence) => job.Record.Phase == JobPhase.Running && job.Record.Fence == fence;

    /// <summary>When the reconciler must check the job although no worker holds it; null for never.</summary>
    public static DateTimeOffset? NextCheck(JobDefinition definition, JobRecord record, JobPolicy policy) => record.Phase switch
    {
        JobPhase.Submitting => definition.Created + policy.SubmissionTime,
        JobPhase.Queued => definition.Deadline,
        JobPhase.Running => record.LeaseExpires < definition.Deadline || definition.Deadline is null ? record.LeaseExpires : definition.Deadline,
        _ => record.Expires,
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
        Timestamp time = Timestamp.FromDateTimeOffset(now);
        foreach (JobEvent told in events)
        {
            told.Id = ++id;
            told.JobId = job.Definition.Id;
            told.Time = time;
        }
        return new JobChange(next with { LastEvent = id }, events) { Outbox = Outbox.Between(job.Record, next) };
    }
}
