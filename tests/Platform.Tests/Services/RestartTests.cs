using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.V1;
using Brownian.Workers;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Brownian.Platform.Tests.Services;

/// <summary>While the workers of a process start, their models are missing for a time: that is no fault of a request.</summary>
public sealed class RestartTests(RealServers servers) : IDisposable
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(10);

    private readonly Stubs _stubs = new();
    private readonly TemporaryFolder _data = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_restarted_process_returns_accepted_jobs_and_refuses_others_with_the_time_to_retry()
    {
        string model = _stubs.Add(), other = _stubs.Add();
        GenerateRequest accepted = Stubs.Request(model, 1);
        accepted.IdempotencyKey = "accepted";
        accepted.Deadline = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(DateTime.UtcNow.AddSeconds(3));
        string id;
        await using (Node first = await StartAsync(model, other))
        {
            id = (await first.Client.Generation.SubmitAsync(accepted, cancellationToken: Stop)).Id;
        }
        // A graph of the second model is damaged: its workers start when it is restored.
        string graph = Directory.GetFiles(_stubs.Combine(other), "model.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();
        File.Move(graph, graph + ".aside");
        await File.WriteAllTextAsync(graph, "no graph", Stop);
        await using Node second = await StartAsync(model, other);
        second.ExpectErrors(" cannot start: ");

        Assert.Equal(id, (await second.Client.Generation.SubmitAsync(accepted, cancellationToken: Stop)).Id);
        Assert.Equal(id, await FirstAsync(second, accepted));
        using HttpResponseMessage repeated = await second.Http.PostAsync(
            "/v1/jobs",
            new StringContent(Google.Protobuf.JsonFormatter.Default.Format(accepted), System.Text.Encoding.UTF8, "application/json"),
            Stop);
        Assert.Equal(HttpStatusCode.OK, repeated.StatusCode);
        // Its deadline passes; it was accepted before.
        await Eventually.TrueAsync(() => Task.FromResult(DateTime.UtcNow > accepted.Deadline.ToDateTime()), "the deadline passes");
        Assert.Equal(id, (await second.Client.Generation.SubmitAsync(accepted, cancellationToken: Stop)).Id);
        GenerateRequest conflicting = accepted.Clone();
        conflicting.Prompt = "b";
        Assert.Equal(StatusCode.AlreadyExists, (await RefusedAsync(second, conflicting)).StatusCode);

        GenerateRequest unnamed = Stubs.Request(model, 2);
        unnamed.ClearModel();
        GenerateRequest[] early = [Stubs.Request(other, 2), Stubs.Request("nobody", 2), unnamed];
        foreach (GenerateRequest request in early)
        {
            RpcException refused = await RefusedAsync(second, request);
            Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
            Assert.NotNull(refused.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>());
        }
        using HttpResponseMessage posted = await second.Http.PostAsJsonAsync("/v1/jobs", new JsonObject { ["prompt"] = "a" }, Stop);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, posted.StatusCode);
        // A fault that does not depend on the models is a fault now too.
        GenerateRequest wrong = Stubs.Request(other, 2);
        wrong.Noise = "dice";
        Assert.Equal(StatusCode.InvalidArgument, (await RefusedAsync(second, wrong)).StatusCode);

        File.Move(graph + ".aside", graph, overwrite: true);
        await Eventually.TrueAsync(
            () => Task.FromResult(second.Services.GetServices<StageWorker>().All(worker => worker.IsAnnounced)), "the workers are ready");
        Assert.Equal(StatusCode.InvalidArgument, (await RefusedAsync(second, Stubs.Request("nobody", 2))).StatusCode);
        Assert.Equal(StatusCode.InvalidArgument, (await RefusedAsync(second, unnamed)).StatusCode);
        await second.Client.Generation.SubmitAsync(Stubs.Request(other, 3), cancellationToken: Stop);
    }

    [Fact]
    public async Task Submissions_while_a_process_restarts_are_never_refused_as_invalid()
    {
        string model = _stubs.Add();
        GenerateRequest request = Stubs.Request(model, 1, steps: 1);
        request.IdempotencyKey = "again and again";
        GenerateRequest unnamed = request.Clone();
        unnamed.ClearModel();
        unnamed.IdempotencyKey = "without a model";
        string? id = null;
        for (int restart = 0; restart < 3; restart++)
        {
            // Submissions begin when the process listens, before its workers are ready.
            await using Node node = await Node.StartEarlyAsync(
                Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), "DataFolder=" + _data.FullPath]);
            foreach (GenerateRequest sent in (GenerateRequest[])[request, unnamed])
            {
                string? answered = null;
                await Eventually.TrueAsync(async () => (answered = await TrySubmitAsync(node, sent)) is not null, "the submission is accepted");
                if (sent == request)
                {
                    id ??= answered;
                    Assert.Equal(id, answered);
                }
            }
        }

        static async Task<string?> TrySubmitAsync(Node node, GenerateRequest request)
        {
            try
            {
                return (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
            }
            catch (RpcException early)
            {
                Assert.Equal(StatusCode.Unavailable, early.StatusCode);
                return null;
            }
        }
    }

    [Fact]
    public async Task A_gateway_of_a_cluster_without_models_refuses_a_submission_with_the_time_to_retry()
    {
        await using RedisServer redis = await RedisServer.StartAsync(Stop);
        await using Node gateway = await Node.StartAsync(
            platform => Gateway.GatewayExtensions.AddGateway(platform),
            ServiceRole.Gateway,
            await servers.SettingsAsync(redis));

        RpcException refused = await RefusedAsync(gateway, Stubs.Request("any", 1));

        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
        Assert.NotNull(refused.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>());
        Assert.Contains("no worker has announced a model yet", refused.Status.Detail, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _stubs.Dispose();
        _data.Dispose();
    }

    private static async Task<RpcException> RefusedAsync(Node node, GenerateRequest request) =>
        await Assert.ThrowsAsync<RpcException>(async () => await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop));

    /// <summary>The id of the job whose events a call gives.</summary>
    private static async Task<string> FirstAsync(Node node, GenerateRequest request)
    {
        using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Generate(request, cancellationToken: Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        return call.ResponseStream.Current.JobId;
    }

    private Task<Node> StartAsync(params string[] models) => Node.StartAsync(
        platform =>
        {
            Node.Everything(platform);
            platform.Services.Replace(ServiceDescriptor.Singleton(
                new WorkerSettings { RestartPause = Short, MaxRestartPause = Short, StartTime = TimeSpan.FromDays(1), EndsProcess = false }));
        },
        ServiceRole.Gateway,
        [.. _stubs.Settings(models), "DataFolder=" + _data.FullPath]);
}
