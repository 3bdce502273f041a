using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Models.Stages;
using Brownian.V1;

namespace Brownian.Testing.Contracts;

/// <summary>The behaviour of every store of jobs.</summary>
public abstract partial class JobStoreContract : IAsyncLifetime
{
    private static readonly JobPolicy Policy = TestJobs.Policy;
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);

    private IJobStore? _store;

    /// <summary>Every step that adds an event.</summary>
    public static TheoryData<string> Steps =>
        [
            "accept", "take", "take over", "report", "warn", "artifact", "complete", "complete the last", "hand back", "rewind", "give up", "lose",
            "fail", "expire", "cancel",
        ];

    protected static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    protected IJobStore Store => _store!;

    private DateTimeOffset Now => Store.Clock.GetUtcNow();

    public async ValueTask InitializeAsync() => _store = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_written_job_is_read_unchanged()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now, deadline: Now.AddHours(1)));
        StoredJob accepted = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        StoredJob taken = await Store.WrittenAsync(accepted, JobRules.Take(accepted, "worker", Now, Policy));
        var value = new BlobRef("text.embeddings.0.1", StageDtype.Float32, [1, 77, 8], 2464, "abc");
        StoredJob kept = await Store.WrittenAsync(taken, JobRules.Keep(taken, 1, "embeddings", value, Now));
        StoredJob found = (await Store.FindAsync(job.Definition.Id, Cancelled))!;
        Assert.Equal(4, found.Version);
        Assert.Equal(JobJson.Write(job.Definition), JobJson.Write(found.Definition));
        Assert.Equal(JobJson.Write(kept.Record), JobJson.Write(found.Record));
        Assert.Equal(4, await Store.VersionAsync(job.Definition.Id, Cancelled));
    }

    [Fact]
    public async Task A_steps_events_are_in_the_outbox_until_they_are_removed()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        string id = job.Definition.Id;
        var posted = new List<(long Version, IntegrationEventKind Kind)>();
        using IDisposable registration = Store.OnPosted((after, kinds) => posted.AddRange(kinds.Select(kind => (after.Version, kind))));
        Assert.Empty(await PendingAsync());
        StoredJob accepted = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        // A write of an old version adds no event.
        Assert.Null(await Store.TryWriteAsync(job, JobRules.Take(job, "worker", Now, Policy)!, Cancelled));
        StoredJob taken = await Store.WrittenAsync(accepted, JobRules.Take(accepted, "worker", Now, Policy));
        await Store.WrittenAsync(taken, JobRules.Cancel(taken, Now, Policy));

        PendingEvent[] all = [.. PendingEvent.AllOf(id)];
        Assert.Equal(all, (await PendingAsync()).OrderBy(pending => pending.Kind));
        Assert.Equal([(2, IntegrationEventKind.Accepted), (3, IntegrationEventKind.Started), (4, IntegrationEventKind.Ended)], posted);
        Assert.Empty(await Store.PendingEventsAsync(job.Definition.Created.AddDays(-1), 10, Cancelled));
        Assert.Single(await Store.PendingEventsAsync(DateTimeOffset.MaxValue, 1, Cancelled));

        await Store.RemovePendingEventsAsync([all[0], all[2], new PendingEvent("another", IntegrationEventKind.Ended)], Cancelled);
        Assert.Equal([all[1]], await PendingAsync());
        Assert.True(await Store.HasPendingEventsAsync(id, Cancelled));
        await Store.RemovePendingEventsAsync([], Cancelled);
        await Store.RemoveAsync(id, Cancelled);
        Assert.False(await Store.HasPendingEventsAsync(id, Cancelled));
        Assert.Empty(await PendingAsync());
        await NothingIsLeftAsync();

        async Task<IReadOnlyList<PendingEvent>> PendingAsync() => await Store.PendingEventsAsync(DateTimeOffset.MaxValue, 10, Cancelled);
    }

    [Fact]
    public async Task A_missing_job_is_not_found_or_written()
    {
        StoredJob job = TestJobs.New(Now);
        Assert.Null(await Store.FindAsync(job.Definition.Id, Cancelled));
        Assert.Equal(0, await Store.VersionAsync(job.Definition.Id, Cancelled));
        Assert.Empty(await Store.EventsAsync(job.Definition.Id, 0, 10, Cancelled));
        Assert.Null(await Store.TryWriteAsync(job, JobRules.Accept(job, Now)!, Cancelled));
        Assert.Equal(0, await Store.VersionAsync(job.Definition.Id, Cancelled));
        await Store.RemoveAsync(job.Definition.Id, Cancelled);
    }

    [Fact]
    public async Task A_write_from_an_old_version_changes_nothing()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        StoredJob accepted = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        Assert.Null(await Store.TryWriteAsync(job, JobRules.Abandon(job, Now, Policy)!, Cancelled));
        StoredJob found = (await Store.FindAsync(job.Definition.Id, Cancelled))!;
        Assert.Equal(accepted.Version, found.Version);
        Assert.Equal(JobPhase.Queued, found.Record.Phase);
        Assert.Single(await Store.EventsAsync(job.Definition.Id, 0, 10, Cancelled));
        Assert.Equal(1, await Store.CountActiveAsync(Cancelled));
    }

    [Fact]
    public async Task Of_concurrent_writes_of_one_version_exactly_one_succeeds()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        StoredJob accepted = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        for (int round = 0; round < 10; round++)
        {
            StoredJob?[] written = await Task.WhenAll(Enumerable.Range(0, 16).Select(writer => Task.Run(
                () => Store.TryWriteAsync(accepted, JobRules.Take(accepted, $"worker {writer}", Now, Policy)!, Cancelled))));
            StoredJob winner = Assert.Single(written, candidate => candidate is not null)!;
            StoredJob found = (await Store.FindAsync(job.Definition.Id, Cancelled))!;
            Assert.Equal(winner.Record.Worker, found.Record.Worker);
            accepted = await Store.WrittenAsync(found, JobRules.ReturnStage(found, found.Record.Fence, "next round", Now));
        }
        IReadOnlyList<JobEvent> events = await Store.EventsAsync(job.Definition.Id, 0, 1000, Cancelled);
        Assert.Equal(Enumerable.Range(1, 21).Select(id => (long)id), events.Select(item => item.Id));
    }

    [Fact]
    public async Task Concurrent_steps_of_one_job_are_all_made()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        StoredJob accepted = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        StoredJob taken = await Store.WrittenAsync(accepted, JobRules.Take(accepted, "worker", Now, Policy));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(warning => Task.Run(
            () => Store.ApplyAsync(taken, (current, now) => JobRules.Warn(current, 1, $"warning {warning}", now), Cancelled))));
        StoredJob found = (await Store.FindAsync(job.Definition.Id, Cancelled))!;
        Assert.Equal(20, found.Record.Warnings.Distinct().Count());
        Assert.Equal(taken.Version + 20, found.Version);
        Assert.Equal(found.Record.LastEvent, (await Store.EventsAsync(job.Definition.Id, 0, 1000, Cancelled))[^1].Id);
    }

    [Fact]
    public async Task The_same_idempotency_key_gives_the_same_job()
    {
        StoredJob first = await Store.CreatedAsync(TestJobs.New(Now, key: "key"));
        StoredJob second = TestJobs.New(Now, key: "key", hash: "other");
        Assert.Equal(first.Definition.Id, (await Store.CreateAsync(second, Cancelled))!.Definition.Id);
        Assert.Null(await Store.FindAsync(second.Definition.Id, Cancelled));
        Assert.Equal(first.Definition.Id, (await Store.FindByKeyAsync("key", Cancelled))!.Definition.Id);
        Assert.Null(await Store.FindByKeyAsync("another key", Cancelled));
        Assert.Equal(1, await Store.CountActiveAsync(Cancelled));
        await Store.CreatedAsync(TestJobs.New(Now, key: "another key"));
        await Store.CreatedAsync(TestJobs.New(Now));
        await Store.CreatedAsync(TestJobs.New(Now));
        await Store.RemoveAsync(first.Definition.Id, Cancelled);
        Assert.Null(await Store.FindByKeyAsync("key", Cancelled));
        await Store.CreatedAsync(second);
    }

    [Fact]
    public async Task Of_concurrent_submissions_with_one_idempotency_key_one_is_written()
    {
        StoredJob?[] known =
            await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Store.CreateAsync(TestJobs.New(Now, key: "key"), Cancelled))));
        Assert.Single(known, candidate => candidate is null);
        Assert.Single(known.OfType<StoredJob>().Select(job => job.Definition.Id).Distinct());
        Assert.Equal(1, await Store.CountActiveAsync(Cancelled));
    }

    [Fact]
    public async Task A_job_created_twice_is_stored_once()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        StoredJob accepted = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        Assert.Equal(accepted.Version, (await Store.CreateAsync(job, Cancelled))!.Version);
        Assert.Equal(JobPhase.Queued, (await Store.FindAsync(job.Definition.Id, Cancelled))!.Record.Phase);
    }

    [Fact]
    public async Task Events_are_read_in_order_and_in_pages()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        job = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        job = await Store.WrittenAsync(job, JobRules.Take(job, "worker", Now, Policy));
        for (int evaluation = 1; evaluation <= 10; evaluation++)
        {
            job = await Store.WrittenAsync(job, JobRules.Report(job, 1, new JobProgress(0, 1, evaluation, 10), Now));
        }
        IReadOnlyList<JobEvent> all = await Store.EventsAsync(job.Definition.Id, 0, 100, Cancelled);
        Assert.Equal(Enumerable.Range(1, 12).Select(id => (long)id), all.Select(item => item.Id));
        Assert.Equal(JobEvent.EventOneofCase.Accepted, all[0].EventCase);
        Assert.Equal("worker", all[1].StageStarted.Worker);
        Assert.All(all, item => Assert.Equal(job.Definition.Id, item.JobId));
        Assert.Equal([4, 5, 6], (await Store.EventsAsync(job.Definition.Id, 3, 3, Cancelled)).Select(item => item.Id));
        Assert.Empty(await Store.EventsAsync(job.Definition.Id, 12, 3, Cancelled));
    }

    [Fact]
    public async Task Jobs_are_listed_newest_first_and_in_pages()
    {
        var ids = new List<string>();
        var created = new List<DateTimeOffset>();
        for (int i = 0; i < 230; i++)
        {
            StoredJob job = await Store.CreatedAsync(TestJobs.New(Now.AddSeconds(i - 1000), model: i % 2 == 0 ? "even" : "odd"));
            ids.Insert(0, job.Definition.Id);
            created.Insert(0, job.Definition.Created);
            if (i != 100)
            {
                await Store.WrittenAsync(job, JobRules.Accept(job, Now));
            }
        }
        var listed = new List<string>();
        string? after = null;
        do
        {
            JobPage page = await Store.ListAsync(new JobQuery { Max = 50, After = after }, Cancelled);
            listed.AddRange(page.Jobs.Select(job => job.Definition.Id));
            after = page.Next;
        }
        while (after is not null);
        // The job that is not accepted yet is not listed.
        Assert.Equal(ids.Where((_, place) => place != 229 - 100), listed);
        JobPage odd = await Store.ListAsync(new JobQuery { Max = 115, Labels = new Dictionary<string, string> { ["model"] = "odd" } }, Cancelled);
        Assert.Equal(115, odd.Jobs.Count);
        Assert.Null(odd.Next);
        Assert.All(odd.Jobs, job => Assert.Equal("odd", job.Definition.Model));
        Assert.Equal(ids[129], Assert.Single((await Store.ListAsync(new JobQuery { Phases = [JobPhase.Submitting] }, Cancelled)).Jobs).Definition.Id);
        // The ids begin with the jobs' times: older jobs are not even read.
        foreach (int newest in (int[])[1, 60, 230])
        {
            var query = new JobQuery { Since = created[newest - 1], Max = 1000, Phases = [JobPhase.Queued, JobPhase.Submitting] };
            JobPage recent = await Store.ListAsync(query, Cancelled);
            Assert.Equal(ids[..newest], recent.Jobs.Select(job => job.Definition.Id));
            Assert.Null(recent.Next);
        }
    }

    [Fact]
    public async Task The_store_answers_other_calls_while_jobs_are_listed()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        job = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        // While a job is compared with these labels, they read the store from another thread.
        var labels = new ReadingLabels(
            () => Task.Run(() => Store.FindAsync(job.Definition.Id, Cancelled)).WaitAsync(Retry, Cancelled).GetAwaiter().GetResult());
        JobPage page = await Task.Run(() => Store.ListAsync(new JobQuery { Labels = labels }, Cancelled), Cancelled);
        Assert.Equal(job.Definition.Id, Assert.Single(page.Jobs).Definition.Id);
        Assert.Equal(1, labels.Reads);
    }

    [Fact]
    public async Task Jobs_are_due_at_the_next_check_of_their_records()
    {
        DateTimeOffset past = Now.AddDays(-3);
        StoredJob job = await Store.CreatedAsync(TestJobs.New(past));
        StoredJob later = await Store.CreatedAsync(TestJobs.New(past.AddSeconds(1)));
        StoredJob fresh = await Store.CreatedAsync(TestJobs.New(Now));
        Assert.Equal([job.Definition.Id, later.Definition.Id], await Store.DueAsync(10, Cancelled));
        Assert.Equal([job.Definition.Id], await Store.DueAsync(1, Cancelled));
        await Store.WrittenAsync(later, JobRules.Accept(later, past));
        await Store.WrittenAsync(fresh, JobRules.Accept(fresh, Now));
        job = await Store.WrittenAsync(job, JobRules.Accept(job, past));
        Assert.Empty(await Store.DueAsync(10, Cancelled));
        job = await Store.WrittenAsync(job, JobRules.Take(job, "worker", past, Policy));
        Assert.Equal([job.Definition.Id], await Store.DueAsync(10, Cancelled));
        job = await Store.WrittenAsync(job, JobRules.Renew(job, 1, Now, Policy));
        Assert.Empty(await Store.DueAsync(10, Cancelled));
        // An ended job is due when it is to be deleted.
        job = await Store.WrittenAsync(job, JobRules.Cancel(job, past, Policy));
        Assert.Equal([job.Definition.Id], await Store.DueAsync(10, Cancelled));
        await Store.RemoveAsync(job.Definition.Id, Cancelled);
        Assert.Empty(await Store.DueAsync(10, Cancelled));
    }

    [Fact]
    public async Task Waiting_jobs_are_listed_by_queue()
    {
        const string TextQueue = "brownian.v1.text-encode.stub.standard", DenoiseQueue = "brownian.v1.denoise.stub.standard";
        DateTimeOffset start = Now;
        StoredJob first = await Store.CreatedAsync(TestJobs.New(start.AddSeconds(-20)));
        StoredJob second = await Store.CreatedAsync(TestJobs.New(start.AddSeconds(-10)));
        Assert.Empty(await Store.WaitingAsync(Cancelled));
        first = await Store.WrittenAsync(first, JobRules.Accept(first, start));
        second = await Store.WrittenAsync(second, JobRules.Accept(second, start));
        Assert.Equal(new Dictionary<string, long> { [TextQueue] = 2 }, await Store.WaitingAsync(Cancelled));
        Assert.Equal([first.Definition.Id, second.Definition.Id], await Store.WaitingAsync(TextQueue, start, 10, Cancelled));
        Assert.Equal([first.Definition.Id], await Store.WaitingAsync(TextQueue, start, 1, Cancelled));
        Assert.Equal(2, await Store.CountWaitingAsync(TextQueue, start, Cancelled));
        Assert.Equal(1, await Store.CountWaitingAsync(TextQueue, second.Record.Sent!.Value, Cancelled));
        Assert.Equal(0, await Store.CountWaitingAsync(DenoiseQueue, start, Cancelled));
        // A job sent at that time was not sent before it.
        Assert.Equal([first.Definition.Id], await Store.WaitingAsync(TextQueue, second.Record.Sent!.Value, 10, Cancelled));
        first = await Store.WrittenAsync(first, JobRules.Resend(first, start));
        Assert.Equal([second.Definition.Id], await Store.WaitingAsync(TextQueue, start, 10, Cancelled));
        second = await Store.WrittenAsync(second, JobRules.Take(second, "worker", start, Policy));
        Assert.Empty(await Store.WaitingAsync(TextQueue, start, 10, Cancelled));
        second = await Store.WrittenAsync(second, JobRules.Complete(second, 1, TimeSpan.Zero, start, Policy));
        Assert.Equal(new Dictionary<string, long> { [TextQueue] = 1, [DenoiseQueue] = 1 }, await Store.WaitingAsync(Cancelled));
        await Store.WrittenAsync(second, JobRules.Cancel(second, start, Policy));
        await Store.RemoveAsync(first.Definition.Id, Cancelled);
        Assert.Empty(await Store.WaitingAsync(Cancelled));
        Assert.Empty(await Store.WaitingAsync("brownian.v1.denoise.nobody.standard", start, 10, Cancelled));
    }

    [Fact]
    public async Task Jobs_are_active_until_they_end()
    {
        StoredJob done = await Store.CreatedAsync(TestJobs.New(Now));
        StoredJob abandoned = await Store.CreatedAsync(TestJobs.New(Now));
        StoredJob removed = await Store.CreatedAsync(TestJobs.New(Now));
        Assert.Equal(3, await Store.CountActiveAsync(Cancelled));
        await Store.WrittenAsync(abandoned, JobRules.Abandon(abandoned, Now, Policy));
        await Store.RemoveAsync(removed.Definition.Id, Cancelled);
        for (int stage = 1; stage <= 3; stage++)
        {
            Assert.Equal(1, await Store.CountActiveAsync(Cancelled));
            done = await Store.WrittenAsync(done, JobRules.Take(done, "worker", Now, Policy));
            done = await Store.WrittenAsync(done, JobRules.Complete(done, stage, TimeSpan.Zero, Now, Policy));
        }
        Assert.Equal(JobPhase.Done, done.Record.Phase);
        Assert.Equal(0, await Store.CountActiveAsync(Cancelled));
    }

    [Fact]
    public async Task The_work_that_is_left_of_current_stages_is_summed_by_shape()
    {
        Assert.Empty(await Store.WorkAsync(Cancelled));
        StoredJob[] jobs = [Working("one"), Working("one"), Working("two"), Working("one", JobPriority.Batch)];
        for (int i = 0; i < jobs.Length; i++)
        {
            jobs[i] = await Store.CreatedAsync(jobs[i]);
            // A job that is being submitted is no work yet.
            Assert.Equal(i, (await Store.WorkAsync(Cancelled)).Sum(work => work.Stages));
            jobs[i] = await Store.WrittenAsync(jobs[i], JobRules.Accept(jobs[i], Now));
        }
        var text = new StageShape("text-encode", "one", "", 0, 1);
        await WorkIsAsync(
            new PendingWork(JobPriority.Standard, false, text, 2, 2), new PendingWork(JobPriority.Standard, false, text with { Model = "two" }, 1, 1),
            new PendingWork(JobPriority.Batch, false, text, 1, 1));

        StoredJob job = await Store.WrittenAsync(jobs[0], JobRules.Take(jobs[0], "worker", Now, Policy));
        await WorkIsAsync(
            new PendingWork(JobPriority.Standard, true, text, 1, 1), new PendingWork(JobPriority.Standard, false, text, 1, 1),
            new PendingWork(JobPriority.Standard, false, text with { Model = "two" }, 1, 1), new PendingWork(JobPriority.Batch, false, text, 1, 1));

        // The next stage, with progress.
        job = await Store.WrittenAsync(job, JobRules.Complete(job, 1, TimeSpan.Zero, Now, Policy));
        foreach (StoredJob other in jobs[1..])
        {
            await Store.WrittenAsync(other, JobRules.Cancel(other, Now, Policy));
        }
        var denoise = new StageShape("denoise", "one", "", 4096, 2);
        await WorkIsAsync(new PendingWork(JobPriority.Standard, false, denoise, 1, 40));
        job = await Store.WrittenAsync(job, JobRules.Take(job, "worker", Now, Policy));
        job = await Store.WrittenAsync(job, JobRules.Report(job, 2, new JobProgress(1, 2, 5, 20), Now));
        await WorkIsAsync(new PendingWork(JobPriority.Standard, true, denoise, 1, 15));

        // A stage that is handed back without a checkpoint begins again.
        job = await Store.WrittenAsync(job, JobRules.ReturnStage(job, 2, "drains", Now));
        await WorkIsAsync(new PendingWork(JobPriority.Standard, false, denoise, 1, 40));

        // With one, what it has done does not count.
        job = await Store.WrittenAsync(job, JobRules.Take(job, "worker", Now, Policy));
        job = await Store.WrittenAsync(job, JobRules.Report(job, 3, new JobProgress(1, 2, 5, 20), Now));
        var state = new BlobRef("state", StageDtype.Float32, [1], 4, "abc");
        job = await Store.WrittenAsync(job, JobRules.SaveCheckpoint(job, 3, new JobCheckpoint(state, 1, 5, "cpu"), Now, Policy));
        job = await Store.WrittenAsync(job, JobRules.ReturnStage(job, 3, "drains", Now));
        await WorkIsAsync(new PendingWork(JobPriority.Standard, false, denoise, 1, 15));
        await Store.WrittenAsync(job, JobRules.Cancel(job, Now, Policy));
        Assert.Empty(await Store.WorkAsync(Cancelled));

        async Task WorkIsAsync(params PendingWork[] expected) => Assert.Equal(
            expected.OrderBy(work => work.Key, StringComparer.Ordinal),
            (await Store.WorkAsync(Cancelled)).OrderBy(work => work.Key, StringComparer.Ordinal));

        StoredJob Working(string model, JobPriority priority = JobPriority.Standard)
        {
            StoredJob job = TestJobs.New(Now, model);
            return job with
            {
                Definition = job.Definition with
                {
                    Priority = priority,
                    Work = [new StageWork(0, 1, 1), new StageWork(4096, 2, 40), new StageWork(4096, 1, 2)],
                },
            };
        }
    }

    [Fact]
    public async Task A_job_of_an_older_version_counts_as_one_unit()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        PendingWork work = Assert.Single(await Store.WorkAsync(Cancelled));
        Assert.Equal(("text-encode", 1, 1), (work.Shape.Kind, work.Stages, work.Units));
    }

    [Fact]
    public async Task A_removed_job_leaves_no_data()
    {
        foreach (bool waits in (bool[])[true, false])
        {
            StoredJob job = await Store.CreatedAsync(TestJobs.New(Now, key: "key", deadline: Now.AddDays(1)));
            job = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
            if (!waits)
            {
                job = await Store.WrittenAsync(job, JobRules.Take(job, "worker", Now, Policy));
            }
            await Store.RemoveAsync(job.Definition.Id, Cancelled);
            Assert.Null(await Store.FindAsync(job.Definition.Id, Cancelled));
            Assert.Empty(await Store.EventsAsync(job.Definition.Id, 0, 10, Cancelled));
            Assert.Empty((await Store.ListAsync(new JobQuery(), Cancelled)).Jobs);
            Assert.Equal(0, await Store.CountActiveAsync(Cancelled));
            Assert.Null(await Store.TryWriteAsync(job, JobRules.Cancel(job, Now, Policy)!, Cancelled));
            await NothingIsLeftAsync();
        }
    }

    [Fact]
    public async Task A_change_of_a_job_is_reported_to_its_listeners_only()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Now));
        StoredJob other = await Store.CreatedAsync(TestJobs.New(Now));
        await ListensAsync();
        int calls = 0;
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var changedOther = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        IDisposable registration = Store.OnChange(job.Definition.Id, () =>
        {
            Interlocked.Increment(ref calls);
            changed.TrySetResult();
        });
        using IDisposable otherRegistration = Store.OnChange(other.Definition.Id, () => changedOther.TrySetResult());
        job = await Store.WrittenAsync(job, JobRules.Accept(job, Now));
        await changed.Task.WaitAsync(Retry, Cancelled);
        Assert.False(changedOther.Task.IsCompleted);
        registration.Dispose();
        int before = Volatile.Read(ref calls);
        await Store.WrittenAsync(job, JobRules.Cancel(job, Now, Policy));
        await Store.WrittenAsync(other, JobRules.Accept(other, Now));
        await changedOther.Task.WaitAsync(Retry, Cancelled);
        Assert.Equal(before, Volatile.Read(ref calls));
    }

    [Fact]
    public async Task Only_the_newest_preview_is_kept_and_it_is_no_event()
    {
        StoredJob job = await RunningAsync();
        string id = job.Definition.Id;
        await ListensAsync();
        using var changed = new SemaphoreSlim(0);
        using IDisposable registration = Store.OnChange(id, () => changed.Release());
        Assert.Null(await Store.FindPreviewAsync(id, 0, Cancelled));
        long known = 0;
        for (int evaluation = 1; evaluation <= 3; evaluation++)
        {
            Assert.True(await Store.TryPutPreviewAsync(id, 1, Preview(id, evaluation), Cancelled));
            Assert.True(await changed.WaitAsync(Retry, Cancelled));
            JobPreview found = (await Store.FindPreviewAsync(id, known, Cancelled))!;
            Assert.Equal(Preview(id, evaluation), found.Event);
            Assert.NotEqual(known, found.Number);
            known = found.Number;
            Assert.Null(await Store.FindPreviewAsync(id, known, Cancelled));
        }
        Assert.DoesNotContain(await Store.EventsAsync(id, 0, 100, Cancelled), candidate => candidate.Preview is not null);
        Assert.Equal(job.Version, await Store.VersionAsync(id, Cancelled));
    }

    [Fact]
    public async Task A_preview_of_a_worker_without_the_lease_is_not_stored()
    {
        StoredJob job = await RunningAsync();
        string id = job.Definition.Id;
        Assert.False(await Store.TryPutPreviewAsync(id, 0, Preview(id, 1), Cancelled));
        Assert.False(await Store.TryPutPreviewAsync(id, 2, Preview(id, 1), Cancelled));
        Assert.False(await Store.TryPutPreviewAsync("unknown", 1, Preview(id, 1), Cancelled));
        job = await Store.WrittenAsync(job, JobRules.ReturnStage(job, 1, "drains", Now));
        Assert.False(await Store.TryPutPreviewAsync(id, 1, Preview(id, 1), Cancelled));
        await Store.WrittenAsync(job, JobRules.Take(job, "another", Now, Policy));
        Assert.False(await Store.TryPutPreviewAsync(id, 1, Preview(id, 1), Cancelled));
        Assert.Null(await Store.FindPreviewAsync(id, 0, Cancelled));
        Assert.True(await Store.TryPutPreviewAsync(id, 2, Preview(id, 1), Cancelled));
    }

    [Theory]
    [InlineData("done")]
    [InlineData("failed")]
    [InlineData("cancelled")]
    [InlineData("deadline")]
    [InlineData("removed")]
    public async Task A_preview_is_deleted_when_its_job_ends(string how)
    {
        StoredJob job = await RunningAsync();
        string id = job.Definition.Id;
        Assert.True(await Store.TryPutPreviewAsync(id, 1, Preview(id, 1), Cancelled));
        if (how == "removed")
        {
            await Store.RemoveAsync(id, Cancelled);
        }
        else if (how == "done")
        {
            for (int stage = 1; stage <= 3; stage++)
            {
                Assert.NotNull(await Store.FindPreviewAsync(id, 0, Cancelled));
                job = await Store.WrittenAsync(job, JobRules.Complete(job, stage, TimeSpan.Zero, Now, Policy));
                job = stage < 3 ? await Store.WrittenAsync(job, JobRules.Take(job, "worker", Now, Policy)) : job;
            }
        }
        else
        {
            await Store.WrittenAsync(job, how switch
            {
                "failed" => JobRules.Fail(job, 1, Grpc.Core.StatusCode.Internal, "it cannot be done", Now, Policy),
                "cancelled" => JobRules.Cancel(job, Now, Policy),
                _ => JobRules.Expire(job, Now.AddDays(2), Policy),
            });
        }
        Assert.Null(await Store.FindPreviewAsync(id, 0, Cancelled));
        Assert.False(await Store.TryPutPreviewAsync(id, 1, Preview(id, 2), Cancelled));
        if (how == "removed")
        {
            await NothingIsLeftAsync();
        }
    }

    [Fact]
    public async Task Previews_among_the_events_of_older_records_are_read()
    {
        StoredJob job = await RunningAsync();
        JobEvent old = Preview(job.Definition.Id, 1);
        old.Id = job.Record.LastEvent + 1;
        await Store.WrittenAsync(job, new JobChange(job.Record with { LastEvent = old.Id }, [old]));
        Assert.Equal(old, (await Store.EventsAsync(job.Definition.Id, 0, 100, Cancelled))[^1]);
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task A_step_repeated_after_its_answer_was_lost_is_made_once(string step)
    {
        (StoredJob job, Func<StoredJob, DateTimeOffset, JobChange?> rule) = await StepAsync(Store, step);
        var losing = new LosingJobStore(Store) { Losses = 1 };
        string write = JobWrite.NewId();
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => losing.ApplyAsync(job, write, rule, Cancelled));
        IReadOnlyList<JobEvent> events = await Store.EventsAsync(job.Definition.Id, 0, 100, Cancelled);
        StoredJob made = (await Store.FindAsync(job.Definition.Id, Cancelled))!;
        Assert.True(events.Count > job.Record.LastEvent, "the step tells of itself");

        StoredJob again = (await losing.ApplyAsync(job, write, rule, Cancelled))!;

        Assert.Equal(JobJson.Write(made.Record), JobJson.Write(again.Record));
        Assert.True(JobWrite.IsLast(again.Record, write));
        Assert.Equal(made.Version, await Store.VersionAsync(job.Definition.Id, Cancelled));
        Assert.Equal(events, await Store.EventsAsync(job.Definition.Id, 0, 100, Cancelled));
        // Other callers write since then, without an event: the step still counts as made.
        StoredJob current = again;
        for (int other = 0; other < 3; other++)
        {
            current = (await Store.ApplyAsync(current, (before, _) => new JobChange(before.Record, []), Cancelled))!;
            StoredJob known = (await losing.ApplyAsync(job, write, rule, Cancelled))!;
            Assert.Equal(current.Version, known.Version);
            Assert.False(JobWrite.IsLast(known.Record, write));
        }
        Assert.Equal(events, await Store.EventsAsync(job.Definition.Id, 0, 100, Cancelled));
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task A_step_repeated_after_a_lost_answer_and_a_cancellation_is_made_once(string step)
    {
        (StoredJob job, Func<StoredJob, DateTimeOffset, JobChange?> rule) = await StepAsync(Store, step);
        var losing = new LosingJobStore(Store)
        {
            Losses = 1,
            Lost = async written => await Store.ApplyAsync(written, (current, now) => JobRules.Cancel(current, now, Policy), Cancelled),
        };
        string write = JobWrite.NewId();
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => losing.ApplyAsync(job, write, rule, Cancelled));
        IReadOnlyList<JobEvent> events = await Store.EventsAsync(job.Definition.Id, 0, 100, Cancelled);

        Assert.True((await losing.ApplyAsync(job, write, rule, Cancelled))!.Record.HasEnded);

        IReadOnlyList<JobEvent> after = await Store.EventsAsync(job.Definition.Id, 0, 100, Cancelled);
        Assert.Equal(events, after);
        Assert.Equal(Enumerable.Range(1, after.Count), after.Select(one => (int)one.Id));
    }

    [Fact]
    public async Task A_leader_can_renew_its_lead()
    {
        Assert.True(await Store.TryLeadAsync("name", "holder", TimeSpan.FromMinutes(1), Cancelled));
        Assert.True(await Store.TryLeadAsync("name", "holder", TimeSpan.FromMinutes(1), Cancelled));
        Assert.True(await Store.TryLeadAsync("another name", "another holder", TimeSpan.FromMinutes(1), Cancelled));
    }

    [Fact]
    public async Task A_correctly_configured_store_has_no_configuration_warnings() => Assert.Empty(await Store.ConfigurationWarningsAsync(Cancelled));

    private static JobEvent Preview(string id, int evaluation) =>
        new()
        {
            JobId = id,
            Preview = new PreviewImage { Evaluation = evaluation, Data = Google.Protobuf.ByteString.CopyFrom(1, 2, (byte)evaluation) },
        };

    /// <summary>A job in the state before a step, and the step's rule.</summary>
    private protected static async Task<(StoredJob Job, Func<StoredJob, DateTimeOffset, JobChange?> Rule)> StepAsync(IJobStore store, string step)
    {
        DateTimeOffset start = store.Clock.GetUtcNow();
        StoredJob job = step == "accept" ? await store.CreatedAsync(TestJobs.New(start)) : await RunningAsync(store);
        if (step == "take")
        {
            job = await store.WrittenAsync(job, JobRules.ReturnStage(job, 1, "drains", start));
        }
        if (step == "complete the last")
        {
            job = await store.WrittenAsync(job, new JobChange(job.Record with { Stage = 2 }, []));
        }
        var artifact = new JobArtifact(job.Definition.Id + "-0", 0, 1, 8, 8, "image/png", 3, "");
        return (job, step switch
        {
            "accept" => JobRules.Accept,
            "take" => (current, now) => JobRules.Take(current, "another", now, Policy),
            // By then the lease has expired, but not the deadline.
            "take over" => (current, now) => JobRules.Take(current, "another", now.AddHours(1), Policy),
            "report" => (current, now) => JobRules.Report(current, 1, new JobProgress(0, 1, 1, 4), now),
            "warn" => (current, now) => JobRules.Warn(current, 1, "careful", now),
            "artifact" => (current, now) => JobRules.AddArtifact(current, 1, artifact, now),
            "complete" or "complete the last" => (current, now) => JobRules.Complete(current, 1, TimeSpan.Zero, now, Policy),
            "hand back" => (current, now) => JobRules.ReturnStage(current, 1, "drains", now),
            "rewind" => (current, now) => JobRules.Rewind(current, 1, "text.embeddings", now, Policy),
            "give up" => (current, now) => JobRules.Abandon(current, 1, "stopped", now, Policy),
            "lose" => (current, now) => JobRules.ExpireLease(current, now.AddHours(1), Policy),
            "fail" => (current, now) => JobRules.Fail(current, 1, Grpc.Core.StatusCode.Internal, "cannot be done", now, Policy),
            "expire" => (current, now) => JobRules.Expire(current, now.AddDays(2), Policy),
            _ => (current, now) => JobRules.Cancel(current, now, Policy),
        });
    }

    private Task<StoredJob> RunningAsync() => RunningAsync(Store);

    private static async Task<StoredJob> RunningAsync(IJobStore store)
    {
        DateTimeOffset start = store.Clock.GetUtcNow();
        StoredJob job = await store.CreatedAsync(TestJobs.New(start, deadline: start.AddDays(1)));
        return await store.WrittenAsync(job, JobRules.Take(job, "worker", start, Policy));
    }

    /// <summary>Labels that every job has, and that read the store whenever they are enumerated.</summary>
    private sealed class ReadingLabels(Func<StoredJob?> read) : Dictionary<string, string>, IReadOnlyDictionary<string, string>
    {
        public int Reads { get; private set; }

        IEnumerator<KeyValuePair<string, string>> IEnumerable<KeyValuePair<string, string>>.GetEnumerator()
        {
            Assert.NotNull(read());
            Reads++;
            return GetEnumerator();
        }
    }

    private protected abstract Task<IJobStore> OpenAsync();

    /// <summary>The audit log to which the store appends.</summary>
    private protected abstract IAuditLog Audit { get; }

    private protected abstract ValueTask CloseAsync();

    /// <summary>Waits until the store receives changes.</summary>
    private protected virtual Task ListensAsync() => Task.CompletedTask;

    /// <summary>Checks below the store that no data is left.</summary>
    private protected virtual Task NothingIsLeftAsync() => Task.CompletedTask;
}
