using System.Net;
using Brownian.Hosting;
using Brownian.Jobs.Queues;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Platform.Tests.Services;

/// <summary>The store or the broker becomes unavailable and comes back; no service is restarted.</summary>
public sealed class OutageTests : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private RedisServer _redis = null!;
    private RabbitMqServer _rabbitMq = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_submission_is_refused_while_a_server_is_unavailable_and_jobs_resume_when_it_is_back(bool store)
    {
        PrivateServer server = store ? _redis : _rabbitMq;
        string model = _stubs.Add(turns: 30_000);
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway,
            [.. _stubs.Settings(model), "RabbitMq=" + _rabbitMq.Uri, "Redis=" + _redis.Configuration, "LeaseSeconds=60"]);
        await _rabbitMq.WaitUntilKeptAsync(new StageQueue("denoise", model, JobPriority.Standard).Name, Stop);
        await _rabbitMq.WaitUntilKeptAsync("brownian.v1.dead", Stop);
        GenerateRequest request = Stubs.Request(model, 1, steps: 40);
        byte[] expected = (await _stubs.ExpectedAsync(request))[0];
        string id = (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
        await UntilAsync(node, id, item => item.Progress is { Stage: "denoise" });

        server.Kill();
        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Generation.SubmitAsync(Stubs.Request(model, 2), cancellationToken: Stop)
                .ResponseAsync.WaitAsync(Eventually.Deadline, Stop));
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await node.Http.GetAsync("/health/ready", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await node.Http.GetAsync("/health/live", Stop)).StatusCode);
        await server.StartAgainAsync();

        await UntilAsync(node, id, item => item.Done is not null);
        Job done = await node.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
        Assert.Equal(expected, await node.Client.GetArtifactAsync(done.Artifacts[0].Id, Stop));
        await Eventually.TrueAsync(async () => (await node.Http.GetAsync("/health/ready", Stop)).StatusCode == HttpStatusCode.OK, "ready again");
        // No submission was half accepted: only that job is there.
        Assert.Equal(
            [id],
            (await node.Client.Generation.ListAsync(new ListJobsRequest { Model = model }, cancellationToken: Stop)).Jobs.Select(job => job.Id));
        string later = (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 3), cancellationToken: Stop)).Id;
        await UntilAsync(node, later, item => item.Done is not null);
    }

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync(Stop);
        _rabbitMq = await RabbitMqServer.StartAsync(Stop);
    }

    public async ValueTask DisposeAsync()
    {
        await _rabbitMq.DisposeAsync();
        await _redis.DisposeAsync();
        _stubs.Dispose();
    }

    /// <summary>Watches, also over an outage of the store.</summary>
    private static async Task UntilAsync(Node node, string id, Func<JobEvent, bool> isAwaited) => await Eventually.TrueAsync(
        async () =>
        {
            try
            {
                using AsyncServerStreamingCall<JobEvent> call =
                    node.Client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: Stop);
                while (await call.ResponseStream.MoveNext(Stop))
                {
                    if (isAwaited(call.ResponseStream.Current))
                    {
                        return true;
                    }
                }
                return false;
            }
            catch (RpcException exception) when (exception.StatusCode == StatusCode.Unavailable)
            {
                return false;
            }
        },
        "the event comes");
}
