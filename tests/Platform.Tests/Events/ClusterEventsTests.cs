using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.Jobs.Records;
using Brownian.Testing.Events;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Tests.Events;

/// <summary>A whole cluster publishes the events of jobs that clients submit.</summary>
public sealed class ClusterEventsTests(RealServers servers) : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private RedisServer _redis = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_event_of_a_job_is_published_once_with_the_gateways_values()
    {
        string model = _stubs.Add();
        await using EventQueue queue = await EventQueue.BindAsync(await servers.RabbitMq, $"{model}.*", await servers.RabbitMqUriAsync());
        // With a short grace the reconciler, too, could publish an event when the machine stalls for a moment.
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), .. await servers.SettingsAsync(_redis), "GraceSeconds=600"]);
        GenerateRequest request = Stubs.Request(model, (1UL << 53) + 1);
        request.Labels.Add("order", "17");

        Job job = await DoneAsync(node, request);
        IReadOnlyList<PublishedEvent> events = await queue.UntilAsync($"{job.Id}.accepted", $"{job.Id}.started", $"{job.Id}.ended");
        Job next = await DoneAsync(node, Stubs.Request(model, 2));
        IReadOnlyList<PublishedEvent> others = await queue.UntilAsync($"{next.Id}.accepted", $"{next.Id}.started", $"{next.Id}.ended");

        Assert.Equal(3, events.Count);
        Assert.Equal(3, others.Count);
        Assert.All(events, item =>
        {
            Assert.Equal((job.Id, model, "17"), (Text(item, "jobId"), Text(item, "model"), item.Json["labels"]!["order"]!.GetValue<string>()));
            Assert.Equal(job.CreateTime, Time(item, "created"));
        });
        PublishedEvent ended = events.Single(item => item.Id == $"{job.Id}.ended");
        Assert.Equal(job.StartTime, Time(events.Single(item => item.Id == $"{job.Id}.started"), "started"));
        Assert.Equal((job.StartTime, job.EndTime), (Time(ended, "started"), Time(ended, "ended")));
        Assert.Equal("done", Text(ended, "state"));
        JsonObject artifact = Assert.Single(ended.Json["artifacts"]!.AsArray())!.AsObject();
        byte[] file = await node.Client.GetArtifactAsync(artifact["id"]!.GetValue<string>(), Stop);
        Assert.Equal("9007199254740993", artifact["seed"]!.GetValue<string>());
        Assert.Equal((0, 32, 32), (artifact["index"]!.GetValue<int>(), artifact["width"]!.GetValue<int>(), artifact["height"]!.GetValue<int>()));
        Assert.Equal("image/png", artifact["mediaType"]!.GetValue<string>());
        Assert.Equal(file.Length, artifact["size"]!.GetValue<long>());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(file)), artifact["sha256"]!.GetValue<string>());
        await Eventually.TrueAsync(
            async () => (await node.Services.GetRequiredService<IJobStore>().PendingEventsAsync(DateTimeOffset.MaxValue, 10, Stop)).Count == 0,
            "the outbox is empty");
    }

    [Fact]
    public async Task A_cancellation_while_the_broker_is_unavailable_is_published_when_it_is_back()
    {
        await using RabbitMqServer rabbitMq = await RabbitMqServer.StartAsync(Stop);
        string model = _stubs.Add(turns: 20_000);
        await using EventQueue queue = await EventQueue.BindAsync(rabbitMq, $"{model}.*");
        await queue.KeepAsync();
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), "RabbitMq=" + rabbitMq.Uri, "Redis=" + _redis.Configuration]);
        string id = (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1, steps: 900), cancellationToken: Stop)).Id;
        await queue.UntilAsync($"{id}.accepted", $"{id}.started");

        rabbitMq.Kill();
        CancelJobResponse answer = await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = id }, cancellationToken: Stop);
        Assert.True(answer.Cancelled);
        await rabbitMq.StartAgainAsync();
        await queue.ConnectAgainAsync();

        Assert.Equal("cancelled", Text((await queue.UntilAsync($"{id}.ended"))[^1], "state"));
    }

    public async ValueTask InitializeAsync() => _redis = await RedisServer.StartAsync(Stop);

    public async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        _stubs.Dispose();
    }

    private static async Task<Job> DoneAsync(Node node, GenerateRequest request)
    {
        var events = new List<JobEvent>();
        await foreach (JobEvent item in node.Client.GenerateAsync(request, Stop))
        {
            events.Add(item);
        }
        Assert.NotNull(events[^1].Done);
        return await node.Client.Generation.GetAsync(new GetJobRequest { Id = events[0].JobId }, cancellationToken: Stop);
    }

    private static string Text(PublishedEvent item, string field) => item.Json[field]!.GetValue<string>();

    private static Timestamp Time(PublishedEvent item, string field) => Timestamp.FromDateTimeOffset(item.Json[field]!.GetValue<DateTimeOffset>());
}
