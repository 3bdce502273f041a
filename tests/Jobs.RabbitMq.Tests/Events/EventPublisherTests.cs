using System.Text.Json.Nodes;
using Brownian.Contracts;
using Brownian.Jobs.Records;
using Brownian.Testing.Events;
using Grpc.Core;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq.Tests.Events;

/// <summary>The events of steps of jobs in the real Redis reach the real RabbitMQ, also after outages.</summary>
public sealed class EventPublisherTests(RealServers servers)
{
    private static readonly DateTimeOffset Start = new(2030, 1, 2, 3, 4, 5, 250, TimeSpan.Zero);
    private static readonly JobPolicy Policy = TestJobs.Policy;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null, "default")]
    [InlineData("acme", "acme")]
    public async Task Every_kind_of_event_is_published_with_every_field_as_plain_json(string? stored, string tenant)
    {
        await using EventCluster cluster = await EventCluster.StartAsync(servers);
        string model = NewModel();
        await using EventQueue queue = await EventQueue.BindAsync(await servers.RabbitMq, $"{model}.*");
        StoredJob job = TestJobs.New(Start, model);
        job = await cluster.Store.CreatedAsync(job with { Definition = job.Definition with { Tenant = stored } });
        string id = job.Definition.Id;

        job = await cluster.StepAsync(job, current => JobRules.Accept(current, Start.AddSeconds(1)));
        PublishedEvent accepted = await queue.NextAsync();
        job = await cluster.StepAsync(job, current => JobRules.Take(current, "worker", Start.AddSeconds(2), Policy));
        PublishedEvent started = await queue.NextAsync();
        var artifact = new JobArtifact(JobArtifact.IdOf(id, 0), 0, ulong.MaxValue, 64, 32, "image/png", 1234, new string('a', 64));
        job = await cluster.StepAsync(job, current => JobRules.AddArtifact(current, 1, artifact, Start.AddSeconds(3)));
        job = await FinishedAsync(cluster, job, Start.AddSeconds(4));
        PublishedEvent ended = await queue.NextAsync();

        string same = $$"""
            "jobId": "{{id}}", "model": "{{model}}", "tenant": "{{tenant}}", "labels": { "model": "{{model}}" },
            "created": "2030-01-02T03:04:05.25+00:00"
            """;
        AssertIs(accepted, EventExchanges.JobAccepted, $"{model}.accepted", $$"""{ "eventId": "{{id}}.accepted", {{same}} }""");
        AssertIs(
            started,
            EventExchanges.JobStarted,
            $"{model}.started",
            $$"""{ "eventId": "{{id}}.started", {{same}}, "started": "2030-01-02T03:04:07.25+00:00" }""");
        AssertIs(
            ended,
            EventExchanges.JobEnded,
            $"{model}.done",
            $$"""
            {
              "eventId": "{{id}}.ended", {{same}}, "started": "2030-01-02T03:04:07.25+00:00", "ended": "2030-01-02T03:04:09.25+00:00",
              "state": "done", "error": null,
              "artifacts": [
                {
                  "id": "{{id}}-0", "index": 0, "seed": "18446744073709551615", "width": 64, "height": 32, "mediaType": "image/png",
                  "size": 1234, "sha256": "{{new string('a', 64)}}"
                }
              ]
            }
            """);
        Assert.Equal(3, new[] { accepted, started, ended }.Select(item => item.Properties.MessageId).Distinct().Count());
        await Eventually.TrueAsync(async () => (await cluster.PendingAsync()).Count == 0, "the outbox is empty");
    }

    [Fact]
    public async Task The_event_of_a_failure_has_an_error_and_that_of_an_early_cancellation_has_none()
    {
        await using EventCluster cluster = await EventCluster.StartAsync(servers);
        string model = NewModel();
        await using EventQueue queue = await EventQueue.BindAsync(await servers.RabbitMq, $"{model}.*");

        StoredJob fails = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
        fails = await cluster.StepAsync(fails, current => JobRules.Take(current, "worker", Start, Policy));
        await cluster.StepAsync(fails, current => JobRules.Fail(current, 1, StatusCode.OutOfRange, "too \"hot\"", Start.AddSeconds(1), Policy));
        IReadOnlyList<PublishedEvent> events = await queue.UntilAsync(IdsOf(fails, "accepted", "started", "ended"));
        PublishedEvent failed = events.Single(item => item.Id.EndsWith("ended", StringComparison.Ordinal));
        Assert.Equal(3, events.Count);
        Assert.Equal($"{model}.failed", failed.Key);
        Assert.Equal("failed", failed.Json["state"]!.GetValue<string>());
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""{ "code": 11, "message": "too \"hot\"" }"""), failed.Json["error"]), failed.Body);

        StoredJob unwanted = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
        unwanted = await cluster.StepAsync(unwanted, current => JobRules.Accept(current, Start));
        await cluster.StepAsync(unwanted, current => JobRules.Cancel(current, Start.AddSeconds(1), Policy));
        events = await queue.UntilAsync(IdsOf(unwanted, "accepted", "ended"));
        PublishedEvent cancelled = events.Single(item => item.Id.EndsWith("ended", StringComparison.Ordinal));
        Assert.Equal(2, events.Count);
        Assert.Equal($"{model}.cancelled", cancelled.Key);
        Assert.Null(cancelled.Json["error"]);
        Assert.Null(cancelled.Json["started"]);
        Assert.True(cancelled.Json.ContainsKey("started") && cancelled.Json.ContainsKey("error"), cancelled.Body);
    }

    [Fact]
    public async Task An_abandoned_submission_publishes_no_event()
    {
        await using EventCluster cluster = await EventCluster.StartAsync(servers);
        string model = NewModel();
        await using EventQueue queue = await EventQueue.BindAsync(await servers.RabbitMq, $"{model}.*");

        StoredJob abandoned = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
        await cluster.StepAsync(abandoned, current => JobRules.Abandon(current, Start, Policy));
        Assert.Empty(await cluster.PendingAsync());
        StoredJob other = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
        await cluster.StepAsync(other, current => JobRules.Accept(current, Start));

        // An event of the abandoned job would have come first.
        Assert.Equal($"{other.Definition.Id}.accepted", (await queue.NextAsync()).Id);
    }

    [Fact]
    public async Task A_routing_key_selects_events_by_model_and_by_state()
    {
        await using EventCluster cluster = await EventCluster.StartAsync(servers);
        string plain = NewModel(), marked = $"{plain}.v1 #*";
        await using EventQueue failures = await EventQueue.BindAsync(await servers.RabbitMq, $"{plain}-v1---.failed");
        await using EventQueue rest = await EventQueue.BindAsync(await servers.RabbitMq, $"{plain}.#");

        foreach ((string model, bool fails) in ((string, bool)[])[(marked, false), (plain, true), (marked, true)])
        {
            StoredJob job = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
            job = await cluster.StepAsync(job, current => JobRules.Accept(current, Start));
            await cluster.StepAsync(
                job,
                current => fails ? JobRules.Fail(current, null, StatusCode.Internal, "no", Start, Policy) : JobRules.Cancel(current, Start, Policy));
        }

        PublishedEvent failure = await failures.NextAsync();
        Assert.Equal((marked, "failed"), (failure.Json["model"]!.GetValue<string>(), failure.Json["state"]!.GetValue<string>()));
        Assert.Equal([$"{plain}.accepted", $"{plain}.failed"], [(await rest.NextAsync()).Key, (await rest.NextAsync()).Key]);
    }

    [Fact]
    public async Task Events_of_steps_while_the_broker_is_unavailable_arrive_when_it_is_back()
    {
        await using RabbitMqServer rabbitMq = await RabbitMqServer.StartAsync(Stop);
        string model = NewModel();
        await using EventQueue queue = await EventQueue.BindAsync(rabbitMq, $"{model}.*");
        await queue.KeepAsync();
        await using EventCluster cluster = await EventCluster.StartAsync(servers, rabbitMq, timeout: TimeSpan.FromSeconds(1));
        StoredJob before = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
        before = await cluster.StepAsync(before, current => JobRules.Accept(current, Start));
        await queue.UntilAsync(IdsOf(before, "accepted"));

        rabbitMq.Kill();
        StoredJob during = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
        during = await cluster.StepAsync(during, current => JobRules.Accept(current, Start));
        await cluster.StepAsync(during, current => JobRules.Take(current, "worker", Start, Policy));
        await cluster.StepAsync(before, current => JobRules.Cancel(current, Start, Policy));
        string[] ids = [.. IdsOf(during, "accepted", "started"), .. IdsOf(before, "ended")];
        Assert.Equal(ids.Order(StringComparer.Ordinal), (await cluster.PendingAsync()).Intersect(ids).Order(StringComparer.Ordinal));
        // The reconciler does not wait for the broker either.
        await cluster.Reconciler.ReconcileAsync(Stop);
        await rabbitMq.StartAgainAsync();
        await queue.ConnectAgainAsync();

        await Eventually.TrueAsync(
            async () =>
            {
                await cluster.Reconciler.ReconcileAsync(Stop);
                return (await cluster.PendingAsync()).Count == 0;
            },
            "the outbox is empty");
        await queue.UntilAsync(ids);
    }

    [Fact]
    public async Task The_reconciler_publishes_the_event_of_a_step_whose_answer_was_lost()
    {
        await using EventCluster cluster = await EventCluster.StartAsync(servers);
        string model = NewModel();
        await using EventQueue queue = await EventQueue.BindAsync(await servers.RabbitMq, $"{model}.*");
        StoredJob job = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
        string write = JobWrite.NewId();

        cluster.Store.Losses = 1;
        await Assert.ThrowsAsync<PlatformUnavailableException>(AcceptAsync);
        Assert.NotNull(await AcceptAsync());
        await Eventually.TrueAsync(
            async () =>
            {
                await cluster.Reconciler.ReconcileAsync(Stop);
                return (await cluster.PendingAsync()).Count == 0;
            },
            "the outbox is empty");

        Assert.Equal($"{job.Definition.Id}.accepted", (await queue.NextAsync()).Id);

        Task<StoredJob?> AcceptAsync() => cluster.Store.ApplyAsync(job, write, (current, _) => JobRules.Accept(current, Start), Stop);
    }

    [Fact]
    public async Task A_job_with_unpublished_events_is_kept_for_at_most_twice_its_retention()
    {
        await using RabbitMqServer rabbitMq = await RabbitMqServer.StartAsync(Stop);
        await rabbitMq.StopAsync();
        JobPolicy policy = Policy with { Retention = TimeSpan.FromDays(8) };
        await using EventCluster cluster = await EventCluster.StartAsync(servers, rabbitMq, policy, TimeSpan.FromSeconds(1));
        DateTimeOffset now = cluster.Store.Clock.GetUtcNow();

        StoredJob kept = await EndedAsync(now - (1.5 * policy.Retention)), old = await EndedAsync(now - (2.5 * policy.Retention));
        await cluster.Reconciler.ReconcileAsync(Stop);

        Assert.Null(await cluster.Store.FindAsync(old.Definition.Id, Stop));
        Assert.False(await cluster.Store.HasPendingEventsAsync(old.Definition.Id, Stop));
        StoredJob left = (await cluster.Store.FindAsync(kept.Definition.Id, Stop))!;
        Assert.InRange(left.Record.Expires!.Value, now + TimeSpan.FromDays(1), now + TimeSpan.FromDays(1.5));
        Assert.True(await cluster.Store.HasPendingEventsAsync(kept.Definition.Id, Stop));

        async Task<StoredJob> EndedAsync(DateTimeOffset time)
        {
            StoredJob job = await cluster.Store.CreatedAsync(TestJobs.New(time, NewModel()));
            job = await cluster.StepAsync(job, current => JobRules.Accept(current, time));
            return await cluster.StepAsync(job, current => JobRules.Cancel(current, time, policy));
        }
    }

    [Fact]
    public async Task An_event_of_a_deleted_job_is_removed_from_the_outbox()
    {
        await using RabbitMqServer rabbitMq = await RabbitMqServer.StartAsync(Stop);
        await rabbitMq.StopAsync();
        await using EventCluster cluster = await EventCluster.StartAsync(servers, rabbitMq, timeout: TimeSpan.FromSeconds(1));
        StoredJob job = await cluster.Store.CreatedAsync(TestJobs.New(Start, NewModel()));
        await cluster.StepAsync(job, current => JobRules.Accept(current, Start));

        // In the way of an older version, which has no outbox.
        await cluster.ForgetWithoutOutboxAsync(job);
        Assert.Equal([$"{job.Definition.Id}.accepted"], await cluster.PendingAsync());
        await cluster.Reconciler.ReconcileAsync(Stop);

        Assert.Empty(await cluster.PendingAsync());
    }

    private static string NewModel() => "stub-" + Guid.NewGuid().ToString("n")[..8];

    private static string[] IdsOf(StoredJob job, params string[] kinds) => [.. kinds.Select(kind => $"{job.Definition.Id}.{kind}")];

    /// <summary>Completes the current stage of the job and all later ones.</summary>
    private static async Task<StoredJob> FinishedAsync(EventCluster cluster, StoredJob job, DateTimeOffset now)
    {
        while (!job.Record.HasEnded)
        {
            if (job.Record.Phase != JobPhase.Running)
            {
                job = await cluster.StepAsync(job, current => JobRules.Take(current, "worker", now, Policy));
            }
            job = await cluster.StepAsync(job, current => JobRules.Complete(current, current.Record.Fence, TimeSpan.Zero, now, Policy));
        }
        return job;
    }

    private static void AssertIs(PublishedEvent item, string exchange, string key, string json)
    {
        Assert.Equal((exchange, key), (item.Exchange, item.Key));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(json), item.Json), item.Body);
        Assert.DoesNotContain('\n', item.Body);
        Assert.Equal(DeliveryModes.Persistent, item.Properties.DeliveryMode);
        Assert.Equal("application/json", item.Properties.ContentType);
        Assert.True(Guid.TryParse(item.Properties.MessageId, out _), item.Properties.MessageId);
    }
}
