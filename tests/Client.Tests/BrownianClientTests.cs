using Brownian.V1;
using Grpc.Core;

namespace Brownian.Client.Tests;

/// <summary>The client with scripted gateways: the requests it sends, when it changes gateways, and the events its reader receives.</summary>
public sealed class BrownianClientTests
{
    private const string Job = "the-job";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_without_an_idempotency_key_is_sent_to_every_gateway_with_the_same_new_key()
    {
        await using FakeGateway first = await FakeGateway.StartAsync(), second = await FakeGateway.StartAsync();
        first.OnGenerate = FakeGateway.Fail(StatusCode.Unavailable);
        second.OnGenerate = FakeGateway.Write(Snapshot(), End(1));
        using var client = new BrownianClient([first.Address, second.Address]);
        var request = new GenerateRequest { Prompt = "a" };

        List<JobEvent> events = await ReadAsync(client, request);

        Assert.Equal([Snapshot(), End(1)], events);
        string key = Assert.Single(first.Generated).IdempotencyKey;
        Assert.NotEmpty(key);
        Assert.Equal(key, Assert.Single(second.Generated).IdempotencyKey);
        Assert.False(request.HasIdempotencyKey);
    }

    [Fact]
    public async Task A_stream_that_loses_its_gateway_resumes_at_the_next_one_after_the_last_event()
    {
        await using FakeGateway first = await FakeGateway.StartAsync(), second = await FakeGateway.StartAsync();
        first.OnGenerate = FakeGateway.Fail(StatusCode.Unavailable, Snapshot(), Progress(1), Progress(2));
        second.OnWatch = FakeGateway.Write(Snapshot(), Progress(3), End(4));
        using var client = new BrownianClient([first.Address, second.Address]);

        List<JobEvent> events = await ReadAsync(client, new GenerateRequest { Prompt = "a" });

        // The snapshot of the second gateway is older than the events already read.
        Assert.Equal([Snapshot(), Progress(1), Progress(2), Progress(3), End(4)], events);
        Assert.Equal(new WatchJobRequest { Id = Job, AfterEvent = 2 }, Assert.Single(second.Watched));
        Assert.Empty(second.Generated);
        Assert.Empty((string[])[.. first.Cancelled, .. second.Cancelled]);
    }

    [Fact]
    public async Task A_gateway_that_stops_is_replaced_while_its_stream_is_read()
    {
        FakeGateway first = await FakeGateway.StartAsync();
        await using FakeGateway second = await FakeGateway.StartAsync();
        first.OnGenerate = FakeGateway.Stay(Snapshot(), Progress(1));
        second.OnWatch = FakeGateway.Write(End(2));
        using var client = new BrownianClient([first.Address, second.Address]);

        var events = new List<JobEvent>();
        await foreach (JobEvent item in client.GenerateAsync(new GenerateRequest { Prompt = "a" }, Stop))
        {
            events.Add(item);
            if (item.Progress is not null)
            {
                await first.DisposeAsync();
            }
        }

        Assert.Equal([Snapshot(), Progress(1), End(2)], events);
    }

    [Fact]
    public async Task A_client_without_retry_time_passes_on_the_error_of_an_absent_gateway()
    {
        FakeGateway absent = await FakeGateway.StartAsync();
        string address = absent.Address;
        await absent.DisposeAsync();
        using var client = new BrownianClient(address, new BrownianClientOptions { RetryTimeout = TimeSpan.Zero });

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => ReadAsync(client, new GenerateRequest { Prompt = "a" }));

        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
    }

    [Fact]
    public async Task A_refusal_is_passed_on_and_sent_to_no_other_gateway()
    {
        await using FakeGateway first = await FakeGateway.StartAsync(), second = await FakeGateway.StartAsync();
        first.OnGenerate = FakeGateway.Fail(StatusCode.InvalidArgument);
        using var client = new BrownianClient([first.Address, second.Address]);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => ReadAsync(client, new GenerateRequest { Prompt = "a" }));

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Empty(BrownianClient.FaultsOf(refused));
        Assert.Empty(second.Generated);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 0)]
    public async Task A_reader_that_stops_cancels_the_job_unless_it_is_detached(bool detach, int cancelled)
    {
        await using FakeGateway gateway = await FakeGateway.StartAsync();
        gateway.OnGenerate = FakeGateway.Stay(Snapshot());
        using var client = new BrownianClient(gateway.Address);

        await foreach (JobEvent _ in client.GenerateAsync(new GenerateRequest { Prompt = "a", Detach = detach }, Stop))
        {
            break;
        }

        Assert.Equal(Enumerable.Repeat(Job, cancelled), gateway.Cancelled);
    }

    [Fact]
    public async Task A_direct_call_has_no_idempotency_key_and_is_never_repeated()
    {
        await using FakeGateway first = await FakeGateway.StartAsync(), second = await FakeGateway.StartAsync();
        first.OnGenerate = FakeGateway.Fail(StatusCode.Unavailable, Snapshot());
        using var client = new BrownianClient([first.Address, second.Address]);

        await Assert.ThrowsAsync<RpcException>(() => ReadAsync(client, new GenerateRequest { Prompt = "a", Direct = true }));

        Assert.False(Assert.Single(first.Generated).HasIdempotencyKey);
        Assert.Empty(second.Generated);
        Assert.Empty(second.Watched);
        Assert.Empty(first.Cancelled);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_536)]
    [InlineData(1_000_003)]
    public async Task An_upload_of_any_size_arrives_whole(int size)
    {
        await using FakeGateway gateway = await FakeGateway.StartAsync();
        using var client = new BrownianClient(gateway.Address);
        byte[] bytes = [.. Enumerable.Range(0, size).Select(i => (byte)(i * 7))];

        UploadedImage uploaded = await client.UploadAsync(new MemoryStream(bytes), Stop);

        Assert.Equal("upload", uploaded.Id);
        Assert.Equal(bytes, gateway.Uploaded);
    }

    [Fact]
    public async Task An_upload_that_is_refused_on_its_way_fails_with_the_gateways_reason()
    {
        await using FakeGateway gateway = await FakeGateway.StartAsync();
        gateway.RefusesUploads = new Status(StatusCode.ResourceExhausted, "too many uploads");
        using var client = new BrownianClient(gateway.Address);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => client.UploadAsync(new MemoryStream(new byte[10_000_000]), Stop));

        Assert.Equal((StatusCode.ResourceExhausted, "too many uploads"), (refused.StatusCode, refused.Status.Detail));
    }

    [Fact]
    public async Task An_artifact_is_the_chunks_of_its_stream_in_their_order()
    {
        await using FakeGateway gateway = await FakeGateway.StartAsync();
        using var client = new BrownianClient(gateway.Address);

        Assert.Equal([1, 2, 2, 3, 3, 3], await client.GetArtifactAsync("any", Stop));
    }

    [Fact]
    public async Task The_operators_token_is_not_sent_with_jobs()
    {
        await using FakeGateway gateway = await FakeGateway.StartAsync();
        gateway.OnGenerate = FakeGateway.Write(Snapshot(), End(1));
        using var client = new BrownianClient(gateway.Address, new BrownianClientOptions { OperatorToken = "secret" });

        await ReadAsync(client, new GenerateRequest { Prompt = "a" });

        Assert.NotEmpty(gateway.Headers);
        Assert.DoesNotContain("authorization", gateway.Headers);
    }

    private static JobEvent Snapshot() => new() { JobId = Job, Snapshot = new Job { Id = Job } };

    private static JobEvent Progress(int evaluation) =>
        new() { JobId = Job, Id = evaluation, Progress = new Progress { Stage = "denoise", Evaluation = evaluation } };

    private static JobEvent End(long id) => new() { JobId = Job, Id = id, Done = new Done() };

    private static async Task<List<JobEvent>> ReadAsync(BrownianClient client, GenerateRequest request)
    {
        var events = new List<JobEvent>();
        await foreach (JobEvent item in client.GenerateAsync(request, Stop))
        {
            events.Add(item);
        }
        return events;
    }
}
