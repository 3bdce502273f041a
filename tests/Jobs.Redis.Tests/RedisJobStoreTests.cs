using Brownian.Jobs.Access;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Records;
using Brownian.Models.Stages;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis.Tests;

public sealed class RedisJobStoreTests(RealServers servers) : JobStoreContract
{
    private RedisSpace? _space;

    [Fact]
    public async Task One_holder_leads_until_its_time_has_passed()
    {
        Assert.True(await Store.TryLeadAsync("name", "holder", TimeSpan.FromMinutes(1), Cancelled));
        Assert.False(await Store.TryLeadAsync("name", "another", TimeSpan.FromMinutes(1), Cancelled));
        Assert.True(await Store.TryLeadAsync("name", "holder", TimeSpan.FromMilliseconds(50), Cancelled));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!await Store.TryLeadAsync("name", "another", TimeSpan.FromMinutes(1), Cancelled))
        {
            await timer.WaitForNextTickAsync(Cancelled);
        }
        Assert.False(await Store.TryLeadAsync("name", "holder", TimeSpan.FromMinutes(1), Cancelled));
    }

    [Fact]
    public async Task A_change_by_another_process_is_reported()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Store.Clock.GetUtcNow()));
        await ListensAsync();
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using IDisposable registration = Store.OnChange(job.Definition.Id, () => changed.TrySetResult());
        await using RedisConnection another = _space!.Connect();
        await new RedisJobStore(another, TestJobs.Policy).WrittenAsync(job, JobRules.Accept(job, Store.Clock.GetUtcNow()));
        await changed.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancelled);
    }

    [Fact]
    public async Task Scripts_that_the_server_has_lost_are_loaded_again()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Store.Clock.GetUtcNow()));
        await (await _space!.ServerAsync()).ScriptFlushAsync();
        job = await Store.WrittenAsync(job, JobRules.Accept(job, Store.Clock.GetUtcNow()));
        await (await _space.ServerAsync()).ScriptFlushAsync();
        await Store.CreatedAsync(TestJobs.New(Store.Clock.GetUtcNow()));
        await (await _space.ServerAsync()).ScriptFlushAsync();
        await Store.RemoveAsync(job.Definition.Id, Cancelled);
        Assert.Equal(1, await Store.CountActiveAsync(Cancelled));
    }

    [Fact]
    public async Task A_long_job_keeps_its_last_events()
    {
        StoredJob job = await Store.CreatedAsync(TestJobs.New(Store.Clock.GetUtcNow()));
        job = await Store.WrittenAsync(job, JobRules.Take(job, "worker", Store.Clock.GetUtcNow(), TestJobs.Policy));
        var events = new List<V1.JobEvent>();
        for (int i = 0; i < 6000; i++)
        {
            events.Add(new V1.JobEvent { Id = job.Record.LastEvent + 1 + i, JobId = job.Definition.Id, Warning = new V1.Warning() });
        }
        foreach (V1.JobEvent[] chunk in events.Chunk(1000))
        {
            job = await Store.WrittenAsync(job, new JobChange(job.Record with { LastEvent = chunk[^1].Id }, chunk));
        }
        Assert.InRange(await (await _space!.DatabaseAsync()).StreamLengthAsync(_space.Key("events:" + job.Definition.Id)), 4000, 4500);
        Assert.Equal([6001, 6002], (await Store.EventsAsync(job.Definition.Id, 6000, 10, Cancelled)).Select(item => item.Id));
    }

    [Fact]
    public async Task A_full_server_accepts_every_step_of_its_jobs_and_no_new_job()
    {
        await using RedisServer server = await RedisServer.StartAsync(Cancelled);
        await using var space = new RedisSpace(server);
        var store = new RedisJobStore(space.Connection, TestJobs.Policy);
        IDatabase database = await space.DatabaseAsync();
        await store.CountActiveAsync(Cancelled);
        var steps = new List<(string Step, StoredJob Job, Func<StoredJob, DateTimeOffset, JobChange?> Rule)>();
        foreach (string step in Steps.Select(row => row.Data))
        {
            (StoredJob job, Func<StoredJob, DateTimeOffset, JobChange?> rule) = await StepAsync(store, step);
            steps.Add((step, job, rule));
        }
        StoredJob running = (await StepAsync(store, "report")).Job;
        await database.ExecuteAsync("CONFIG", "SET", "maxmemory", "1");

        foreach ((string step, StoredJob job, Func<StoredJob, DateTimeOffset, JobChange?> rule) in steps)
        {
            StoredJob? made = await store.ApplyAsync(job, rule, Cancelled);
            Assert.True(made is not null, step);
            Assert.Equal(made.Record.LastEvent, (await store.EventsAsync(job.Definition.Id, 0, 100, Cancelled))[^1].Id);
        }
        Assert.NotNull(await store.ApplyAsync(running, (job, now) => JobRules.Renew(job, 1, now, TestJobs.Policy), Cancelled));
        Assert.True(await store.TryLeadAsync("name", "holder", TimeSpan.FromMinutes(1), Cancelled));
        await store.RemoveAsync(running.Definition.Id, Cancelled);
        var blobs = new RedisBlobStore(space.Connection);
        BlobRef value = await blobs.PutAsync("job", "value", StageValue.From([1, 2, 3]), Cancelled);
        Assert.Equal([1, 2, 3], (await blobs.GetAsync("job", value, Cancelled))!.Bytes.ToArray());
        var artifacts = new RedisArtifactStore(space.Connection);
        await artifacts.PutAsync("job-0", new byte[] { 4, 5 }, null, Cancelled);
        Assert.Equal([4, 5], await artifacts.GetAsync("job-0", Cancelled));

        Task[] refused =
        [
            store.CreateAsync(TestJobs.New(store.Clock.GetUtcNow()), Cancelled),
            artifacts.PutAsync("up_1", new byte[] { 6 }, TimeSpan.FromDays(1), Cancelled),
        ];
        foreach (Task task in refused)
        {
            Assert.True((await Assert.ThrowsAsync<PlatformUnavailableException>(() => task)).IsFull);
        }
        Assert.True(await store.FillAsync(Cancelled) > 1);
    }

    [Fact]
    public async Task A_server_that_may_lose_jobs_is_reported_with_its_settings()
    {
        await using RedisServer server = await RedisServer.StartAsync(Cancelled);
        await using var space = new RedisSpace(server);
        var store = new RedisJobStore(space.Connection, TestJobs.Policy);
        IDatabase database = await space.DatabaseAsync();
        await database.ExecuteAsync("CONFIG", "SET", "appendfsync", "everysec");
        await database.ExecuteAsync("CONFIG", "SET", "maxmemory", "0");
        await database.ExecuteAsync("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
        Assert.Collection(
            await store.ConfigurationWarningsAsync(Cancelled),
            warning => Assert.Contains("appendfsync everysec", warning, StringComparison.Ordinal),
            warning => Assert.Contains("maxmemory 0", warning, StringComparison.Ordinal),
            warning => Assert.Contains("maxmemory-policy allkeys-lru", warning, StringComparison.Ordinal));
        await database.ExecuteAsync("CONFIG", "SET", "appendonly", "no");
        Assert.Contains("appendonly no", (await store.ConfigurationWarningsAsync(Cancelled))[0], StringComparison.Ordinal);
        await database.ExecuteAsync("ACL", "SETUSER", "default", "-config");
        Assert.Contains("CONFIG GET", Assert.Single(await store.ConfigurationWarningsAsync(Cancelled)), StringComparison.Ordinal);
    }

    private protected override IAuditLog Audit => new RedisAuditLog(_space!.Connection);

    private protected override async Task<IJobStore> OpenAsync()
    {
        _space = new RedisSpace(await servers.Redis, RealServers.AnswerTime);
        return new RedisJobStore(_space.Connection, TestJobs.Policy);
    }

    private protected override ValueTask CloseAsync() => _space!.DisposeAsync();

    private protected override Task ListensAsync() => _space!.ListensAsync("changes", 1);

    /// <remarks>What tenants use is kept longer than jobs.</remarks>
    private protected override async Task NothingIsLeftAsync() =>
        Assert.DoesNotContain(await _space!.KeysAsync(), key => !key.Contains("tenant:", StringComparison.Ordinal));
}
