using System.Diagnostics.Metrics;
using Brownian.Jobs.Events;
using Brownian.Jobs.InProcess;
using Brownian.Jobs.Records;
using Brownian.Jobs.Redis;
using Brownian.Jobs.Services;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Brownian.Jobs.RabbitMq.Tests.Events;

/// <summary>
/// The parts of a cluster that concern events: a store in Redis, the bus, the publisher of one process, a reconciler that the test runs.
/// </summary>
internal sealed class EventCluster : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly RedisSpace _space;
    private readonly MassTransitEvents _bus;
    private readonly PlatformTelemetry _telemetry;
    private readonly EventPublisher _publisher;

    private EventCluster(RedisServer redis, RabbitMqServer rabbitMq, JobPolicy policy, TimeSpan timeout)
    {
        _space = new RedisSpace(redis, RealServers.AnswerTime);
        _bus = new MassTransitEvents(rabbitMq.Uri, "tests", NullLogger<MassTransitEvents>.Instance, timeout);
        _telemetry = new PlatformTelemetry(_services.GetRequiredService<IMeterFactory>());
        Store = new LosingJobStore(new RedisJobStore(_space.Connection, policy));
        _publisher = new EventPublisher(Store, _bus, _telemetry, NullLogger<EventPublisher>.Instance);
        Reconciler = new Reconciler(
            Store,
            new InProcessQueues(),
            new MemoryBlobStore(),
            new MemoryArtifactStore(TimeProvider.System),
            policy,
            // It publishes every event at once, so that the order of a test's steps decides.
            new ReconcilerSettings { Grace = TimeSpan.Zero },
            _telemetry,
            NullLogger<Reconciler>.Instance,
            _publisher);
    }

    public LosingJobStore Store { get; }

    public Reconciler Reconciler { get; }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Starts a cluster.</summary>
    /// <param name="servers">The shared servers.</param>
    /// <param name="rabbitMq">A broker instead of the shared one.</param>
    /// <param name="policy">A policy instead of that of tests.</param>
    /// <param name="timeout">How long the broker may take to confirm an event.</param>
    public static async Task<EventCluster> StartAsync(
        RealServers servers, RabbitMqServer? rabbitMq = null, JobPolicy? policy = null, TimeSpan? timeout = null)
    {
        var cluster = new EventCluster(
            await servers.Redis, rabbitMq ?? await servers.RabbitMq, policy ?? TestJobs.Policy, timeout ?? RealServers.AnswerTime);
        await cluster._bus.StartAsync(Stop);
        await cluster._publisher.StartAsync(Stop);
        return cluster;
    }

    /// <summary>Makes a step of a job in the way of the services.</summary>
    public async Task<StoredJob> StepAsync(StoredJob job, Func<StoredJob, JobChange?> rule) =>
        (await Store.ApplyAsync(job, (current, _) => rule(current), Stop))!;

    /// <summary>Publishes an event once more.</summary>
    public void Post(StoredJob job, IntegrationEventKind kind) => _publisher.Post(job, kind);

    /// <summary>The events that are in the outbox.</summary>
    public async Task<IReadOnlyList<string>> PendingAsync() =>
        [.. (await Store.PendingEventsAsync(DateTimeOffset.MaxValue, 100, Stop)).Select(pending => pending.Id)];

    /// <summary>Deletes a job in the way of an older version, which has no outbox.</summary>
    public async Task ForgetWithoutOutboxAsync(StoredJob job) =>
        await (await _space.DatabaseAsync()).KeyDeleteAsync(_space.Key("job:" + job.Definition.Id));

    public async ValueTask DisposeAsync()
    {
        await _publisher.StopAsync(CancellationToken.None);
        _publisher.Dispose();
        await _bus.DisposeAsync();
        Reconciler.Dispose();
        _telemetry.Dispose();
        await _space.DisposeAsync();
        await _services.DisposeAsync();
    }
}
