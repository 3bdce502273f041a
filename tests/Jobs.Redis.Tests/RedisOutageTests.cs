using System.Net;
using System.Net.Sockets;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Records;
using Brownian.Models.Stages;
using Brownian.Workers;

namespace Brownian.Jobs.Redis.Tests;

/// <summary>An outage of the server costs time but no data.</summary>
public sealed class RedisOutageTests
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_accepted_job_survives_a_kill_of_the_server()
    {
        await using RedisServer server = await RedisServer.StartAsync(Cancelled);
        await using var space = new RedisSpace(server);
        var store = new RedisJobStore(space.Connection, TestJobs.Policy);
        var blobs = new RedisBlobStore(space.Connection);
        StoredJob job = await store.CreatedAsync(TestJobs.New(store.Clock.GetUtcNow()));
        job = await store.WrittenAsync(job, JobRules.Accept(job, store.Clock.GetUtcNow()));
        BlobRef reference = await blobs.PutAsync(job.Definition.Id, "value", StageValue.From([1, 2, 3]), Cancelled);
        await space.ListensAsync("changes", 1);
        var missed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (store.OnChange(job.Definition.Id, () => missed.TrySetResult()))
        {
            server.Kill();
            await UnavailableAsync(() => store.VersionAsync(job.Definition.Id, Cancelled));
            await UnavailableAsync(() => store.TryWriteAsync(job, JobRules.Cancel(job, store.Clock.GetUtcNow(), TestJobs.Policy)!, Cancelled));
            await UnavailableAsync(() => store.CreateAsync(TestJobs.New(store.Clock.GetUtcNow()), Cancelled));
            await UnavailableAsync(() => blobs.GetAsync(job.Definition.Id, reference, Cancelled));
            await UnavailableAsync(() => new RedisCatalog(space.Connection).WorkersAsync(Cancelled));
            Assert.False(space.Connection.IsConnected);
            Assert.False(missed.Task.IsCompleted);
            await server.StartAgainAsync();
            // The job was not changed, but another process could have changed it.
            await missed.Task.WaitAsync(Retry, Cancelled);
        }
        StoredJob found = (await AgainAsync(() => store.FindAsync(job.Definition.Id, Cancelled)))!;
        Assert.True(space.Connection.IsConnected);
        Assert.Equal(JobJson.Write(job.Record), JobJson.Write(found.Record));
        Assert.Equal(job.Version, found.Version);
        Assert.Single(await store.EventsAsync(job.Definition.Id, 0, 10, Cancelled));
        Assert.Equal(1, await store.CountActiveAsync(Cancelled));
        Assert.Equal([1, 2, 3], (await blobs.GetAsync(job.Definition.Id, reference, Cancelled))!.Bytes.ToArray());
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (store.OnChange(job.Definition.Id, () => changed.TrySetResult()))
        {
            await store.WrittenAsync(found, JobRules.Take(found, "worker", store.Clock.GetUtcNow(), TestJobs.Policy));
            await changed.Task.WaitAsync(Retry, Cancelled);
        }
    }

    [Fact]
    public async Task A_server_killed_during_writes_keeps_every_answered_write()
    {
        await using RedisServer server = await RedisServer.StartAsync(Cancelled);
        await using var space = new RedisSpace(server);
        var store = new RedisJobStore(space.Connection, TestJobs.Policy);
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int count = 0;
        async Task<List<string>> WriteAsync()
        {
            var accepted = new List<string>();
            try
            {
                while (true)
                {
                    StoredJob job = TestJobs.New(store.Clock.GetUtcNow());
                    await store.CreateAsync(job, Cancelled);
                    await store.WrittenAsync(job, JobRules.Accept(job, store.Clock.GetUtcNow()));
                    accepted.Add(job.Definition.Id);
                    if (Interlocked.Increment(ref count) == 200)
                    {
                        enough.SetResult();
                    }
                }
            }
            catch (PlatformUnavailableException)
            {
                return accepted;
            }
        }
        Task<List<string>[]> writing = Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(WriteAsync)));
        await enough.Task.WaitAsync(Retry, Cancelled);
        server.Kill();
        List<string>[] accepted = await writing.WaitAsync(Retry, Cancelled);
        await server.StartAgainAsync();
        foreach (string id in accepted.SelectMany(ids => ids))
        {
            StoredJob found = (await AgainAsync(() => store.FindAsync(id, Cancelled)))!;
            Assert.Equal((JobPhase.Queued, 2), (found.Record.Phase, found.Version));
            Assert.Single(await store.EventsAsync(id, 0, 10, Cancelled));
        }
        // A write whose answer is missing was carried out or not, but never by half: every record has its entries in the indexes.
        JobPage all = await store.ListAsync(new JobQuery { Max = 100_000, Phases = [JobPhase.Submitting, JobPhase.Queued] }, Cancelled);
        Assert.Equal(all.Jobs.Count, await store.CountActiveAsync(Cancelled));
        Assert.Equal(all.Jobs.Count(job => job.Record.Waits), (await store.WaitingAsync(Cancelled)).Values.Sum());
    }

    [Fact]
    public async Task A_server_frozen_and_killed_while_stages_report_has_every_event_once()
    {
        const int Evaluations = 400;
        await using RedisServer server = await RedisServer.StartAsync(Cancelled);
        await using var space = new RedisSpace(server);
        var store = new RedisJobStore(space.Connection, TestJobs.Policy);
        var settings = new WorkerSettings { ProgressEvery = TimeSpan.Zero };
        int reported = 0;
        Task<string>[] stages = [.. Enumerable.Range(0, 6).Select(_ => Task.Run(RunAsync))];
        for (int outage = 1; outage <= 4; outage++)
        {
            int before = outage * 60 * stages.Length;
            await Eventually.TrueAsync(() => Task.FromResult(Volatile.Read(ref reported) >= before), "the stages report");
            if (outage == 4)
            {
                server.Kill();
                await server.StartAgainAsync();
                continue;
            }
            // Until the clients have abandoned the calls that the server is about to carry out.
            await server.SignalAsync("STOP");
            await UnavailableAsync(() => store.VersionAsync("any", Cancelled));
            await server.SignalAsync("CONT");
        }
        foreach (string id in await Task.WhenAll(stages).WaitAsync(TimeSpan.FromMinutes(2), Cancelled))
        {
            IReadOnlyList<V1.JobEvent> events = await AgainAsync(() => store.EventsAsync(id, 0, 4000, Cancelled));
            Assert.Equal(Enumerable.Range(1, events.Count), events.Select(item => (int)item.Id));
            Assert.Equal(Enumerable.Range(1, Evaluations), events.Where(item => item.Progress is not null).Select(item => item.Progress.Evaluation));
            Assert.Single(events, item => item.StageStarted is not null);
            Assert.Single(events, item => item.StageCompleted is not null);
        }

        async Task<string> RunAsync()
        {
            StoredJob job = await store.CreatedAsync(TestJobs.New(store.Clock.GetUtcNow()));
            job = await store.WrittenAsync(job, JobRules.Take(job, "worker", store.Clock.GetUtcNow(), TestJobs.Policy));
            var (blobs, artifacts) = (new RedisBlobStore(space.Connection), new RedisArtifactStore(space.Connection));
            var context = new JobContext(job, store, blobs, artifacts, TestJobs.Policy, settings, () => false, Cancelled);
            await using (context)
            {
                for (int evaluation = 1; evaluation <= Evaluations; evaluation++)
                {
                    await context.ReportAsync(new StageProgress(0, 1, evaluation, Evaluations), Cancelled);
                    Interlocked.Increment(ref reported);
                }
                await context.CompleteAsync(TimeSpan.Zero);
            }
            return job.Definition.Id;
        }
    }

    [Fact]
    public async Task A_process_can_start_while_the_server_is_unavailable()
    {
        await using RedisServer server = await RedisServer.StartAsync(Cancelled);
        server.Kill();
        await using var space = new RedisSpace(server);
        var store = new RedisJobStore(space.Connection, TestJobs.Policy);
        StoredJob job = TestJobs.New(store.Clock.GetUtcNow());
        await UnavailableAsync(() => store.CreateAsync(job, Cancelled));
        await server.StartAgainAsync();
        Assert.Null(await AgainAsync(() => store.CreateAsync(job, Cancelled)));
        await space.ListensAsync("changes", 1);
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using IDisposable registration = store.OnChange(job.Definition.Id, () => changed.TrySetResult());
        await store.WrittenAsync(job, JobRules.Accept(job, store.Clock.GetUtcNow()));
        await changed.Task.WaitAsync(Retry, Cancelled);
    }

    [Fact]
    public async Task The_error_of_a_server_that_does_not_answer_names_its_address_and_not_its_password()
    {
        // The operating system accepts connections, which no program reads.
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        string endpoint = $"127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}";
        await using var connection = new RedisConnection($"{endpoint},password=secret-word");
        PlatformUnavailableException exception =
            await UnavailableAsync(() => new RedisJobStore(connection, TestJobs.Policy).CountActiveAsync(Cancelled));
        Assert.Contains(endpoint, exception.Details, StringComparison.Ordinal);
        Assert.DoesNotContain(endpoint, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-word", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_used_after_its_disposal_is_unavailable()
    {
        await using RedisServer server = await RedisServer.StartAsync(Cancelled);
        var connection = new RedisConnection(server.Configuration);
        var store = new RedisJobStore(connection, TestJobs.Policy);
        await store.CountActiveAsync(Cancelled);
        await connection.DisposeAsync();
        await connection.DisposeAsync();
        await UnavailableAsync(() => store.CountActiveAsync(Cancelled));
    }

    private static async Task<PlatformUnavailableException> UnavailableAsync(Func<Task> act)
    {
        Task action = act();
        return await Assert.ThrowsAsync<PlatformUnavailableException>(() => action.WaitAsync(Eventually.Deadline, Cancelled));
    }

    private static async Task<T> AgainAsync<T>(Func<Task<T>> act)
    {
        using var deadline = new CancellationTokenSource(Retry);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            try
            {
                return await act();
            }
            catch (PlatformUnavailableException)
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
        }
    }
}
