using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Brownian.Client;
using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.V1;
using Brownian.Workers;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Gateway.Tests.Catalog;

/// <summary>Only callers with the operators' token, from this machine or the configured networks, may operate workers.</summary>
public sealed class OperatorTests : IDisposable
{
    private readonly Stubs _stubs = new();
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Operations => ["pause", "resume", "drain"];

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task An_operation_without_the_token_or_with_another_one_is_refused(string operation)
    {
        await using Node node = await StartAsync("Ephemeral=true");
        string id = node.Services.GetServices<StageWorker>().First().Id;
        foreach (string? token in (string?[])[null, "", "another-token-of-some-length", Node.OperatorToken + "x", Node.OperatorToken[..^1]])
        {
            using var client = new BrownianClient(node.GrpcAddress, new BrownianClientOptions { OperatorToken = token });
            RpcException refused = await Assert.ThrowsAsync<RpcException>(() => OperateAsync(client, operation, id));
            Assert.Equal(StatusCode.Unauthenticated, refused.StatusCode);
            using var json = new HttpRequestMessage(HttpMethod.Post, $"/v1/workers/{id}/{operation}")
            {
                Content = new StringContent("{}", Encoding.UTF8, "application/json")
            };
            if (token is { Length: > 0 })
            {
                json.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }
            Assert.Equal(HttpStatusCode.Unauthorized, (await node.Http.SendAsync(json, Stop)).StatusCode);
        }
        Assert.All(node.Services.GetServices<StageWorker>(), worker => Assert.Equal(WorkerState.Ready, worker.State));
    }

    [Fact]
    public async Task A_call_from_outside_the_operator_networks_is_refused_even_with_the_token()
    {
        // The configured network does not contain this machine, so that its calls come from outside.
        await using Node node = await StartAsync("Ephemeral=true", "OperatorNetworks:0=10.9.8.0/24");
        string id = node.Services.GetServices<StageWorker>().First().Id;

        foreach (string operation in (string[])["pause", "resume", "drain"])
        {
            Assert.Equal(
                StatusCode.PermissionDenied, (await Assert.ThrowsAsync<RpcException>(() => OperateAsync(node.Client, operation, id))).StatusCode);
        }
        RpcException list = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop));
        Assert.Equal(StatusCode.PermissionDenied, list.StatusCode);
    }

    [Fact]
    public async Task A_process_without_a_configured_token_creates_one_and_keeps_it()
    {
        string data = _folder.Combine("data"), file = Path.Combine(data, OperatorAccess.FileName);
        string? first = null;
        for (int start = 0; start < 2; start++)
        {
            await using Node node = await StartAsync("OperatorToken=", "DataFolder=" + data);
            string token = (await File.ReadAllTextAsync(file, Stop)).Trim();
            Assert.Equal(64, token.Length);
            Assert.Equal(first ?? token, token);
            first = token;
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            }
            using var client = new BrownianClient(node.GrpcAddress, new BrownianClientOptions { OperatorToken = token });
            string id = node.Services.GetServices<StageWorker>().First().Id;
            await OperateAsync(client, "pause", id);
            await OperateAsync(client, "resume", id);
        }
    }

    [Fact]
    public async Task Without_a_configured_operator_token_an_ephemeral_process_refuses_operations()
    {
        await using Node node = await StartAsync("OperatorToken=", "Ephemeral=true");

        RpcException refused =
            await Assert.ThrowsAsync<RpcException>(() => OperateAsync(node.Client, "pause", node.Services.GetServices<StageWorker>().First().Id));

        Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
        Assert.Contains("Platform:OperatorToken", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drained_worker_beside_a_gateway_is_ready_again_after_a_resume()
    {
        string model = _stubs.Add();
        await using Node node = await StartAsync(model, "Ephemeral=true");
        string[] ids = [.. node.Services.GetServices<StageWorker>().Select(worker => worker.Id)];
        foreach (string id in ids)
        {
            Assert.Equal("draining", (await node.Client.Workers.DrainAsync(new WorkerRequest { Id = id }, cancellationToken: Stop)).State);
        }
        Job job = await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1), cancellationToken: Stop);

        foreach (string id in ids)
        {
            Assert.Equal("ready", (await node.Client.Workers.ResumeAsync(new WorkerRequest { Id = id }, cancellationToken: Stop)).State);
        }

        using AsyncServerStreamingCall<JobEvent> watch = node.Client.Generation.Watch(
            new WatchJobRequest { Id = job.Id }, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
        JobEvent? last = null;
        while (await watch.ResponseStream.MoveNext(Stop))
        {
            last = watch.ResponseStream.Current;
        }
        Assert.NotNull(last!.Done);
    }

    public void Dispose()
    {
        _stubs.Dispose();
        _folder.Dispose();
    }

    private Task<Node> StartAsync(params string[] settings)
    {
        string model = settings[0].Contains('=', StringComparison.Ordinal) ? _stubs.Add() : settings[0];
        return Node.StartAsync(
            Node.Everything, ServiceRole.Gateway,
            [.. _stubs.Settings(model), .. settings.Where(setting => setting.Contains('=', StringComparison.Ordinal))]);
    }

    private static async Task OperateAsync(BrownianClient client, string operation, string id)
    {
        var request = new WorkerRequest { Id = id };
        await (operation switch
        {
            "pause" => client.Workers.PauseAsync(request, cancellationToken: Stop),
            "resume" => client.Workers.ResumeAsync(request, cancellationToken: Stop),
            _ => client.Workers.DrainAsync(request, cancellationToken: Stop),
        });
    }
}
