using Brownian.Jobs.Records;
using CsCheck;
using Grpc.Core;

namespace Brownian.Jobs.Tests.Records;

/// <summary>The attempts of a callback, whatever the order of their outcomes.</summary>
public sealed class CallbackRulesTests
{
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly JobPolicy Policy = TestJobs.Policy;
    private static readonly TimeSpan Lost = TimeSpan.FromSeconds(20), Pause = TimeSpan.FromSeconds(5);

    private static StoredJob Queued { get; } = Apply(Job(), JobRules.Accept(Job(), Start));

    private static StoredJob Ended { get; } = Apply(Queued, JobRules.Fail(Queued, null, StatusCode.Internal, "a", Start, Policy));

    [Fact]
    public void A_callback_is_due_when_its_job_has_ended()
    {
        Assert.Null(Queued.Record.Callback);
        Assert.Equal(new JobCallback { Next = Start }, Ended.Record.Callback);
        Assert.Equal(Start, JobRules.NextCheck(Ended.Definition, Ended.Record, Policy));
        Assert.True(CallbackRules.IsDue(Ended, Start));
    }

    [Fact]
    public void An_abandoned_submission_and_a_job_without_an_address_have_no_callback()
    {
        Assert.Null(Apply(Job(), JobRules.Abandon(Job(), Start, Policy)).Record.Callback);
        StoredJob without = Queued with { Definition = Queued.Definition with { CallbackUrl = null } };
        Assert.Null(Apply(without, JobRules.Cancel(without, Start, Policy)).Record.Callback);
    }

    [Fact]
    public void Attempts_follow_after_pauses_that_double_up_to_an_hour_until_the_job_expires()
    {
        StoredJob job = Ended;
        DateTimeOffset now = Start;
        var pauses = new List<double>();
        while (job.Record.Callback!.Next is not null)
        {
            job = Apply(job, CallbackRules.Begin(job, Lost, now));
            Assert.Null(CallbackRules.Begin(job, Lost, now + (Lost / 2)));
            job = Apply(job, CallbackRules.Fail(job, job.Record.Callback!.Attempts, "no", false, Pause, now));
            if (job.Record.Callback!.Next is { } next)
            {
                pauses.Add((next - now).TotalSeconds);
                now = next;
            }
        }

        Assert.Equal([5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600], pauses.Take(11));
        Assert.All(pauses.Skip(10), pause => Assert.Equal(3600, pause));
        Assert.InRange(now, job.Record.Expires!.Value - TimeSpan.FromHours(1), job.Record.Expires!.Value);
        Assert.Equal(job.Record.Expires, JobRules.NextCheck(job.Definition, job.Record, Policy));
    }

    [Fact]
    public void A_job_whose_end_an_earlier_version_recorded_is_called_before_it_is_removed()
    {
        StoredJob old = Ended with { Record = Ended.Record with { Callback = null } };
        DateTimeOffset expired = Start + Policy.Retention;
        Assert.Null(CallbackRules.Await(old, expired - TimeSpan.FromSeconds(1), Policy));

        StoredJob kept = Apply(old, CallbackRules.Await(old, expired, Policy));

        Assert.True(CallbackRules.IsDue(kept, expired));
        Assert.True(kept.Record.Expires > expired);
        Assert.Null(CallbackRules.Await(old, Start + (2 * Policy.Retention), Policy));
        StoredJob delivered = Apply(kept, CallbackRules.Begin(kept, Lost, expired));
        delivered = Apply(delivered, CallbackRules.Deliver(delivered, 1, expired));
        Assert.Null(CallbackRules.Await(delivered, kept.Record.Expires!.Value, Policy));
    }

    /// <summary>Two gateways, one of which may have died: a step of an attempt is refused once a later one was begun.</summary>
    [Fact]
    public void A_delivered_callback_stays_delivered_and_an_attempt_has_one_outcome() => Gen.Int[0, 4].Array[1, 40].Sample(steps =>
    {
        StoredJob job = Ended;
        DateTimeOffset now = Start;
        bool delivered = false;
        int begun = 0;
        foreach (int step in steps)
        {
            now += TimeSpan.FromSeconds(7);
            JobChange? change = step switch
            {
                0 or 1 => CallbackRules.Begin(job, Lost, now),
                2 => CallbackRules.Fail(job, begun, "no", false, Pause, now),
                3 => CallbackRules.Deliver(job, begun - 1, now),
                _ => CallbackRules.Deliver(job, begun, now),
            };
            Assert.True(step != 3 || change is null, "an earlier attempt has no outcome any more");
            if (change is null)
            {
                continue;
            }
            Assert.False(delivered, "no step follows a delivery");
            Assert.Empty(change.Events);
            job = Apply(job, change);
            begun += step is 0 or 1 ? 1 : 0;
            delivered = job.Record.Callback!.Delivered is not null;
            Assert.Equal((begun, delivered), (job.Record.Callback.Attempts, job.Record.Callback.Next is null));
        }
    });

    private static StoredJob Job()
    {
        StoredJob job = TestJobs.New(Start);
        return job with { Definition = job.Definition with { CallbackUrl = "https://hooks.example.org/" } };
    }

    private static StoredJob Apply(StoredJob job, JobChange? change) => new(job.Definition, change!.Next, job.Version + 1);
}
