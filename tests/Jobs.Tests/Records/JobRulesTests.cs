using Brownian.Jobs.Blobs;
using Brownian.Jobs.Records;
using Brownian.Models.Stages;
using Brownian.V1;
using CsCheck;
using Grpc.Core;

namespace Brownian.Jobs.Tests.Records;

/// <summary>A job keeps its rules for every order of the steps of several workers and gateways, whatever their clocks.</summary>
public sealed class JobRulesTests
{
    private const int Workers = 3;
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly JobPolicy Policy = TestJobs.Policy;

    private enum Step
    {
        Accept,
        Abandon,
        Take,
        Renew,
        Report,
        Warn,
        Keep,
        AddArtifact,
        SaveCheckpoint,
        Complete,
        ReturnStage,
        Rewind,
        Lose,
        Resend,
        Fail,
        Expire,
        Cancel,
    }

    private static readonly Step[] Ends = [Step.Abandon, Step.Fail, Step.Expire, Step.Cancel];

    // Steps that end a job are rare, so that most jobs make many steps.
    private static readonly Gen<Step> AnyStep = Gen.Frequency(
        (30, Gen.Const(Step.Take)),
        (8, Gen.Const(Step.Lose)),
        (40, OneOf([.. Enum.GetValues<Step>().Except(Ends)])),
        (1, OneOf(Ends)));

    private static readonly Gen<(Step Step, int Worker, int Seconds)[]> AnyHistory =
        Gen.Select(AnyStep, Gen.Int[0, Workers - 1], Gen.Frequency((5, Gen.Int[0, 2]), (2, Gen.Int[9, 12]))).Array[0, 120];

    [Fact]
    public void A_job_keeps_its_rules_for_any_order_of_steps() =>
        AnyHistory.Select(Gen.Bool).Sample((steps, hasDeadline) => Run(steps, hasDeadline), iter: 5000);

    [Fact]
    public void The_fifth_death_without_a_newer_checkpoint_fails_the_job()
    {
        DateTimeOffset now = Start;
        StoredJob job = TestJobs.New(now);
        for (int death = 1; death <= 12; death++)
        {
            job = After(job, JobRules.Take(job, "worker", now, Policy)!);
            if (death == 4)
            {
                job = After(job, JobRules.SaveCheckpoint(job, job.Record.Fence, Checkpoint(1), now, Policy)!);
            }
            now += Policy.LeaseTime;
            job = After(job, JobRules.ExpireLease(job, now, Policy)!);
            if (death < 8)
            {
                Assert.Equal(JobPhase.Queued, job.Record.Phase);
            }
            else
            {
                // Three before the checkpoint, five after it.
                Assert.Equal((8, JobPhase.Failed), (death, job.Record.Phase));
                return;
            }
        }
    }

    [Fact]
    public void A_worker_that_takes_a_stage_after_its_lease_expired_counts_a_death()
    {
        StoredJob job = TestJobs.New(Start);
        job = After(job, JobRules.Take(job, "first", Start, Policy)!);
        Assert.Null(JobRules.Take(job, "second", Start + Policy.LeaseTime - TimeSpan.FromTicks(1), Policy));
        JobChange taken = JobRules.Take(job, "second", Start + Policy.LeaseTime, Policy)!;
        Assert.Equal((1, 2, "second"), (taken.Next.Deaths, taken.Next.Fence, taken.Next.Worker));
        Assert.Equal([JobEvent.EventOneofCase.StageReturned, JobEvent.EventOneofCase.StageStarted], taken.Events.Select(item => item.EventCase));
        Assert.Equal([3, 4], taken.Events.Select(item => item.Id));
    }

    [Fact]
    public void A_value_kept_twice_is_recorded_once()
    {
        StoredJob job = TestJobs.New(Start);
        job = After(job, JobRules.Take(job, "worker", Start, Policy)!);
        job = After(job, JobRules.Keep(job, 1, "embeddings", Blob("key"), Start)!);
        job = After(job, JobRules.Keep(job, 1, "embeddings", Blob("key"), Start)!);
        Assert.Single(job.Record.Outputs["text.embeddings"]);
    }

    [Fact]
    public void Deaths_in_a_stage_do_not_count_for_the_stage_it_returns_to()
    {
        DateTimeOffset now = Start;
        StoredJob job = TestJobs.New(now);
        job = After(job, JobRules.Take(job, "worker", now, Policy)!);
        job = After(job, JobRules.Complete(job, 1, TimeSpan.Zero, now, Policy)!);
        for (int fence = 2; fence <= 5; fence++)
        {
            job = After(job, JobRules.Take(job, "worker", now, Policy)!);
            now += Policy.LeaseTime;
            job = After(job, JobRules.ExpireLease(job, now, Policy)!);
        }
        job = After(job, JobRules.Take(job, "worker", now, Policy)!);
        job = After(job, JobRules.Rewind(job, 6, "text.embeddings", now, Policy)!);
        Assert.Equal((0, 0), (job.Record.Stage, job.Record.Deaths));
    }

    private static Gen<Step> OneOf(Step[] steps) => Gen.Int[0, steps.Length - 1].Select(place => steps[place]);

    private static void Run((Step Step, int Worker, int Seconds)[] steps, bool hasDeadline)
    {
        DateTimeOffset now = Start;
        StoredJob job = TestJobs.New(now, deadline: hasDeadline ? now.AddSeconds(60) : null);
        long[] fences = new long[Workers];
        var events = new List<JobEvent>();
        var outbox = new List<IntegrationEventKind>();
        int deaths = 0;
        for (int i = 0; i < steps.Length; i++)
        {
            (Step step, int worker, int seconds) = steps[i];
            now = now.AddSeconds(seconds);
            StoredJob before = job;
            JobChange? change = Make(step, job, worker, fences[worker], now, i);
            if (IsUnderLease(step) && (job.Record.Phase != JobPhase.Running || fences[worker] != job.Record.Fence))
            {
                Assert.Null(change);
            }
            if (before.Record.HasEnded)
            {
                Assert.Null(change);
            }
            if (change is null)
            {
                continue;
            }
            job = After(job, change);
            events.AddRange(change.Events);
            outbox.AddRange(change.Outbox);
            if (step == Step.Take && job.Record.Phase == JobPhase.Running)
            {
                Assert.True(job.Record.Fence > before.Record.Fence);
                fences[worker] = job.Record.Fence;
            }
            bool died = before.Record.Phase == JobPhase.Running && before.Record.LeaseExpires <= now
                && (step == Step.Lose || (step == Step.Take && !(before.Definition.Deadline <= now)));
            deaths = died ? deaths + 1
                : step is Step.SaveCheckpoint or Step.Complete or Step.Rewind || (step == Step.Keep && !KnewBefore(before, change)) ? 0
                : deaths;
            if (died && deaths >= Policy.FatalDeath)
            {
                Assert.Equal(JobPhase.Failed, job.Record.Phase);
                Assert.Contains("5 times", job.Record.Failure!.Message, StringComparison.Ordinal);
            }
            CheckLaws(job, events, deaths);
            CheckOutbox(job.Record, outbox);
        }
    }

    /// <summary>The outbox has each event once and in order: accepted, started, ended. An abandoned job has none.</summary>
    private static void CheckOutbox(JobRecord record, List<IntegrationEventKind> outbox)
    {
        var expected = new List<IntegrationEventKind>();
        if (record.Phase is not (JobPhase.Submitting or JobPhase.Abandoned))
        {
            expected.Add(IntegrationEventKind.Accepted);
        }
        if (record.Started is not null)
        {
            expected.Add(IntegrationEventKind.Started);
        }
        if (record is { HasEnded: true, Phase: not JobPhase.Abandoned })
        {
            expected.Add(IntegrationEventKind.Ended);
        }
        Assert.Equal(expected, outbox);
    }

    private static void CheckLaws(StoredJob job, List<JobEvent> events, int deaths)
    {
        JobRecord record = job.Record;
        Assert.Equal(Enumerable.Range(1, events.Count).Select(id => (long)id), events.Select(item => item.Id));
        Assert.Equal(events.Count, record.LastEvent);
        Assert.All(events, item => Assert.Equal(job.Definition.Id, item.JobId));
        int terminal = events.FindIndex(
            item => item.EventCase is JobEvent.EventOneofCase.Done or JobEvent.EventOneofCase.Failed or JobEvent.EventOneofCase.Cancelled);
        Assert.Equal(record.Phase is JobPhase.Done or JobPhase.Failed or JobPhase.Cancelled, terminal >= 0);
        if (terminal >= 0)
        {
            Assert.Equal(events.Count - 1, terminal);
        }
        if (record.HasEnded)
        {
            Assert.Empty(record.Outputs);
            Assert.Equal((null, null, null, null), (record.Worker, record.LeaseExpires, record.Checkpoint, record.Sent));
            Assert.NotNull(record.Ended);
            Assert.NotNull(JobRules.NextCheck(job.Definition, record, Policy));
            Assert.Equal(record.Phase == JobPhase.Failed, record.Failure is not null);
            return;
        }
        Assert.Equal(deaths, record.Deaths);
        Assert.True(record.Deaths < Policy.FatalDeath);
        Assert.NotNull(job.Queue);
        if (record.Phase == JobPhase.Running)
        {
            Assert.NotNull(record.Worker);
            Assert.NotNull(record.LeaseExpires);
            Assert.NotNull(JobRules.NextCheck(job.Definition, record, Policy));
        }
        else
        {
            Assert.Equal((null, null), (record.Worker, record.LeaseExpires));
            Assert.NotNull(record.Sent);
            Assert.NotNull(record.WaitsSince);
        }
        Assert.All(record.Outputs.Keys, output => Assert.True(job.Definition.Plan.IndexOf(output) <= record.Stage));
    }

    private static bool IsUnderLease(Step step) => step
        is Step.Renew or Step.Report or Step.Warn or Step.Keep or Step.AddArtifact
            or Step.SaveCheckpoint or Step.Complete or Step.ReturnStage or Step.Rewind or Step.Fail;

    private static bool KnewBefore(StoredJob before, JobChange change) =>
        change.Next.Outputs.Values.Sum(values => values.Count) == before.Record.Outputs.Values.Sum(values => values.Count);

    private static JobChange? Make(Step step, StoredJob job, int worker, long fence, DateTimeOffset now, int number) => step switch
    {
        Step.Accept => JobRules.Accept(job, now),
        Step.Abandon => JobRules.Abandon(job, now, Policy),
        Step.Take => JobRules.Take(job, $"worker {worker}", now, Policy),
        Step.Renew => JobRules.Renew(job, fence, now, Policy),
        Step.Report => JobRules.Report(job, fence, new JobProgress(0, 1, number, 200), now),
        Step.Warn => JobRules.Warn(job, fence, $"warning {number % 3}", now),
        Step.Keep => JobRules.Keep(job, fence, "output", Blob($"output.{number % 5}"), now),
        Step.AddArtifact =>
            JobRules.AddArtifact(job, fence, new JobArtifact($"{job.Definition.Id}-{number % 3}", number % 3, 1, 8, 8, "image/png", 1, ""), now),
        Step.SaveCheckpoint => JobRules.SaveCheckpoint(job, fence, Checkpoint(number), now, Policy),
        Step.Complete => JobRules.Complete(job, fence, TimeSpan.FromSeconds(1), now, Policy),
        Step.ReturnStage => JobRules.ReturnStage(job, fence, "drains", now),
        Step.Rewind =>
            JobRules.Rewind(
                job, fence, $"{job.Definition.Plan.Stages[Math.Min(number % 3, Math.Min(job.Record.Stage, 2))].Name}.output", now, Policy),
        Step.Lose => JobRules.ExpireLease(job, now, Policy),
        Step.Resend => JobRules.Resend(job, now),
        Step.Fail => JobRules.Fail(job, fence, StatusCode.Internal, "it cannot be done", now, Policy),
        Step.Expire => JobRules.Expire(job, now, Policy),
        Step.Cancel => JobRules.Cancel(job, now, Policy),
        _ => throw new ArgumentOutOfRangeException(nameof(step)),
    };

    private static StoredJob After(StoredJob job, JobChange change) => job with { Record = change.Next, Version = job.Version + 1 };

    private static BlobRef Blob(string key) => new(key, StageDtype.UInt8, [1], 1, "");

    private static JobCheckpoint Checkpoint(int evaluation) => new(Blob("checkpoint"), 0, evaluation, "cpu");
}
