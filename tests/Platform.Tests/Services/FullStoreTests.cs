using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.V1;
using Brownian.Workers;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Brownian.Platform.Tests.Services;

/// <summary>A cluster whose Redis is out of memory: it accepts no new job, finishes the running ones, and cancelling jobs makes room.</summary>
public sealed class FullStoreTests(RealServers servers) : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private RedisServer? _redis;
    private ConnectionMultiplexer? _connection;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private IDatabase Database => _connection!.GetDatabase();

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync(Stop);
        _connection = await ConnectionMultiplexer.ConnectAsync(_redis.Configuration + ",allowAdmin=true");
    }

    public async ValueTask DisposeAsync()
    {
        _stubs.Dispose();
        await _connection!.DisposeAsync();
        await _redis!.DisposeAsync();
    }

    [Fact]
    public async Task A_running_job_ends_and_waiting_jobs_can_be_cancelled_while_the_store_is_full()
    {
        string model = _stubs.Add(turns: 50_000);
        await using Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 5, steps: 30);
        byte[][] expected = await _stubs.ExpectedAsync(request);
        string running = (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
        string first = (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 6), cancellationToken: Stop)).Id;
        string second = (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 7), cancellationToken: Stop)).Id;
        await UntilAsync(node, running, item => item.Progress is { Stage: "denoise" });

        await Database.ExecuteAsync("CONFIG", "SET", "maxmemory", "1");

        await RefusedAsync(node, Stubs.Request(model, 8));
        await CancelAsync(node, first, second);
        await UntilAsync(node, running, item => item.Done is not null);
        Artifact made = Assert.Single((await node.Client.Generation.GetAsync(new GetJobRequest { Id = running }, cancellationToken: Stop)).Artifacts);
        Assert.Equal(expected[0], await node.Client.GetArtifactAsync(made.Id, Stop));
        await Eventually.TrueAsync(async () => await CountAsync("brownian:blobs:*") == 0, "the jobs' tensors are removed");
    }

    [Fact]
    public async Task Cancelling_the_jobs_that_fill_the_store_makes_room_for_new_jobs()
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(model);
        await Database.ExecuteAsync("CONFIG", "SET", "maxmemory", "24mb");
        string decoder = node.Services.GetServices<StageWorker>().Single(worker => worker.Role == WorkerRole.VaeDecoder).Id;
        await node.Client.Workers.PauseAsync(new WorkerRequest { Id = decoder }, cancellationToken: Stop);
        var waiting = new List<string>();
        // Each has an image of about a megabyte of its own, until the gateway accepts no more.
        while (await TrySubmitAsync(node, Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png(side: 640, seed: waiting.Count + 1)))) is { } id)
        {
            waiting.Add(id);
            Assert.True(waiting.Count < 100, "the store never fills");
        }
        Assert.True(waiting.Count >= 2);
        // Other keys fill the rest to the last byte.
        for (int size = 1 << 20; size > 0; size /= 2)
        {
            while (await TryFillAsync(new byte[size]))
            {
            }
        }
        await RefusedAsync(node, Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png())));
        long before = await UsedAsync();

        await CancelAsync(node, [.. waiting]);

        Assert.Equal(0, await CountAsync("brownian:artifact:*"));
        // Redis gives memory back in the background.
        await Eventually.TrueAsync(async () => await UsedAsync() < before - ((waiting.Count - 1) << 20), "the memory of the images is free");
        string? taken = null;
        await Eventually.TrueAsync(
            async () => (taken = await TrySubmitAsync(node, Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png(seed: 99))))) is not null,
            "a job is taken again");
        await node.Client.Workers.ResumeAsync(new WorkerRequest { Id = decoder }, cancellationToken: Stop);
        await UntilAsync(node, taken!, item => item.Done is not null);
    }

    private static async Task<string?> TrySubmitAsync(Node node, GenerateRequest request)
    {
        try
        {
            return (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
        }
        catch (RpcException refused) when (refused.StatusCode == StatusCode.ResourceExhausted)
        {
            return null;
        }
    }

    /// <summary>New jobs and uploads are refused by gRPC and by JSON.</summary>
    private static async Task RefusedAsync(Node node, GenerateRequest request)
    {
        RpcException submitted = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop));
        RpcException uploaded = await Assert.ThrowsAsync<RpcException>(() => node.Client.UploadAsync(new MemoryStream(Stubs.Png()), Stop));
        Assert.All((RpcException[])[submitted, uploaded], refused => Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode));
        Assert.NotNull(submitted.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>());
        string json =
            new Google.Protobuf.JsonFormatter(Google.Protobuf.JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true)).Format(request);
        using HttpResponseMessage posted = await node.Http.PostAsync(
            "/v1/jobs", new StringContent(json, System.Text.Encoding.UTF8, "application/json"), Stop);
        using HttpResponseMessage sent = await node.Http.PostAsJsonAsync(
            "/v1/uploads", new JsonObject { ["data"] = Convert.ToBase64String(Stubs.Png()), ["last"] = true }, Stop);
        Assert.Equal(HttpStatusCode.TooManyRequests, sent.StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, posted.StatusCode);
    }

    /// <summary>Cancels jobs, in turn by gRPC and by JSON.</summary>
    private static async Task CancelAsync(Node node, params string[] ids)
    {
        for (int i = 0; i < ids.Length; i++)
        {
            if (i % 2 == 0)
            {
                Assert.True((await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = ids[i] }, cancellationToken: Stop)).Cancelled);
                continue;
            }
            using HttpResponseMessage answer = await node.Http.PostAsJsonAsync($"/v1/jobs/{ids[i]}/cancel", new JsonObject(), Stop);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.True((bool)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop))!["cancelled"]!);
        }
        foreach (string id in ids)
        {
            Assert.Equal(JobState.Cancelled, (await node.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop)).State);
        }
    }

    private static async Task UntilAsync(Node node, string id, Predicate<JobEvent> awaited)
    {
        using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Watch(
            new WatchJobRequest { Id = id }, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
        while (await call.ResponseStream.MoveNext(Stop))
        {
            if (awaited(call.ResponseStream.Current))
            {
                return;
            }
        }
        Assert.Fail($"job {id} ended without it");
    }

    private async Task<bool> TryFillAsync(byte[] bytes)
    {
        try
        {
            await Database.StringSetAsync("filler:" + Guid.NewGuid().ToString("n"), bytes);
            return true;
        }
        catch (RedisServerException)
        {
            return false;
        }
    }

    private async Task<int> CountAsync(string pattern) => ((string[])(await Database.ExecuteAsync("KEYS", pattern))!).Length;

    private async Task<long> UsedAsync()
    {
        string info = (string)(await Database.ExecuteAsync("INFO", "memory"))!;
        string used = info.Split('\n').Single(line => line.StartsWith("used_memory:", StringComparison.Ordinal));
        return long.Parse(used.Split(':')[1], CultureInfo.InvariantCulture);
    }

    private async Task<Node> StartAsync(string model) => await Node.StartAsync(
        Node.Everything,
        ServiceRole.Gateway,
        [.. _stubs.Settings(model), .. await servers.SettingsAsync(_redis)]);
}
