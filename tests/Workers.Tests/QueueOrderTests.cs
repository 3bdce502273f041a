using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Sqlite;
using Brownian.Models.Plans;

namespace Brownian.Workers.Tests;

/// <summary>Higher priorities go first, but no job waits behind newer ones for longer than a bound.</summary>
public sealed class QueueOrderTests : IDisposable
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromMinutes(1);

    private readonly ManualClock _clock = new();
    private readonly SqliteJobStore _store;

    public QueueOrderTests() => _store = SqliteJobStore.Open(null, TestJobs.Policy, _clock);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_older_than_the_bound_goes_before_higher_priorities_at_most_once_a_second()
    {
        QueueOrder order = Order("stub");
        await AddAsync(JobPriority.Batch);
        _clock.Advance(MaxWait - TimeSpan.FromSeconds(2));
        await AddAsync(JobPriority.Interactive);
        Assert.Equal(["interactive", "standard", "batch"], await NextAsync(order));
        Assert.Equal(["interactive", "standard", "batch"], await NextAsync(order));

        _clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(["batch", "interactive", "standard"], await NextAsync(order));
        Assert.Equal(["interactive", "standard", "batch"], await NextAsync(order));
        // After a second the order looks again for jobs that have waited that long.
        Assert.Equal(["interactive", "standard", "batch"], await NextAsync(order));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["batch", "interactive", "standard"], await NextAsync(order));
    }

    [Fact]
    public async Task Of_several_jobs_older_than_the_bound_the_oldest_goes_first_whatever_its_priority()
    {
        QueueOrder order = Order("stub");
        await AddAsync(JobPriority.Standard);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await AddAsync(JobPriority.Batch);
        _clock.Advance(MaxWait);
        await AddAsync(JobPriority.Interactive);
        Assert.Equal(["standard", "batch", "interactive"], await NextAsync(order));
    }

    [Fact]
    public async Task Of_jobs_of_one_priority_the_oldest_goes_first_whatever_its_model()
    {
        QueueOrder order = Order("first", "second");
        await AddAsync(JobPriority.Standard, "second");
        _clock.Advance(TimeSpan.FromSeconds(1));
        await AddAsync(JobPriority.Standard, "first");
        Assert.Equal(
            ["first interactive", "second interactive", "second standard", "first standard", "first batch", "second batch"],
            (await order.NextAsync(Stop)).Select(queue => $"{queue.Model} {queue.Priority.ToName()}"));
    }

    [Fact]
    public async Task Queues_are_ordered_by_priority_alone_while_the_store_is_unavailable()
    {
        QueueOrder order = Order(new LosingJobStore(_store) { IsUnavailable = true }, "stub");
        await AddAsync(JobPriority.Batch);
        _clock.Advance(2 * MaxWait);
        Assert.Equal(["interactive", "standard", "batch"], await NextAsync(order));
    }

    public void Dispose() => _store.Dispose();

    private static async Task<IEnumerable<string>> NextAsync(QueueOrder order) =>
        (await order.NextAsync(Stop)).Select(queue => queue.Priority.ToName());

    private QueueOrder Order(params string[] models) => Order(_store, models);

    private static QueueOrder Order(IJobStore store, params string[] models) => new(
        store,
        [
            .. from priority in Enum.GetValues<JobPriority>()
               from model in models
               select new StageQueue(StageKind.TextEncode, model, priority),
        ],
        MaxWait);

    private async Task AddAsync(JobPriority priority, string model = "stub")
    {
        StoredJob job = TestJobs.New(_clock.GetUtcNow(), model);
        job = job with { Definition = job.Definition with { Priority = priority } };
        await _store.CreatedAsync(job);
        await _store.WrittenAsync(job, JobRules.Accept(job, _clock.GetUtcNow()));
    }

    private sealed class ManualClock : TimeProvider
    {
        private DateTimeOffset _now = DateTimeOffset.UnixEpoch.AddYears(50);

        public override DateTimeOffset GetUtcNow() => _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now.Ticks;

        public void Advance(TimeSpan time) => _now += time;
    }
}
