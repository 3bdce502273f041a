using System.Net;
using System.Net.Sockets;
using System.Text;
using Brownian.Client;
using Brownian.Hosting;
using Brownian.Jobs.Services;
using Brownian.Models.Stages;
using Brownian.V1;
using Google.Rpc;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Caller = Brownian.Jobs.Access.Caller;

namespace Brownian.Gateway.Tests.Access;

/// <summary>What one caller may hold of a gateway: calls, connections, headers, chunks, and time.</summary>
public sealed class LimitTests : IDisposable
{
    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_beyond_the_limit_of_a_caller_are_refused_until_one_ends_and_other_callers_are_not()
    {
        string model = _stubs.Add();
        await using Node node = await StartAsync(model, "MaxCallsPerCaller=3");
        string job = await WaitingJobAsync(node, model);
        await node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = "acme" }, cancellationToken: Stop);
        string key = (await node.Client.Access.CreateKeyAsync(new CreateKeyRequest { Tenant = "acme" }, cancellationToken: Stop)).Text;
        using var other = new BrownianClient(node.GrpcAddress, new BrownianClientOptions { Credentials = BrownianClientOptions.Fixed(key) });
        var streams = new List<AsyncServerStreamingCall<JobEvent>>();
        for (int i = 0; i < 3; i++)
        {
            AsyncServerStreamingCall<JobEvent> watch = node.Client.Generation.Watch(new WatchJobRequest { Id = job }, cancellationToken: Stop);
            Assert.True(await watch.ResponseStream.MoveNext(Stop));
            streams.Add(watch);
        }

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Models.ListAsync(new ListModelsRequest(), cancellationToken: Stop));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Equal("3 calls of this address run at this gateway; allowed: 3", refused.Status.Detail);
        Assert.True(refused.GetRpcStatus()!.GetDetail<RetryInfo>()!.RetryDelay.ToTimeSpan() > TimeSpan.Zero);
        using HttpResponseMessage json = await node.Http.GetAsync("/v1/models", Stop);
        Assert.Equal((HttpStatusCode.TooManyRequests, "1"), (json.StatusCode, json.Headers.RetryAfter!.ToString()));
        await other.Models.ListAsync(new ListModelsRequest(), cancellationToken: Stop);

        streams[0].Dispose();
        await Eventually.TrueAsync(
            async () => (await node.Http.GetAsync("/v1/models", Stop)).StatusCode == HttpStatusCode.OK, "the ended stream no longer counts");
        streams.ForEach(stream => stream.Dispose());
    }

    [Fact]
    public async Task Streams_that_need_no_credentials_count_too()
    {
        await using Node node = await StartAsync(_stubs.Add(), "MaxCallsPerCaller=3");
        using var channel = Grpc.Net.Client.GrpcChannel.ForAddress(node.GrpcAddress);
        var health = new Grpc.Health.V1.Health.HealthClient(channel);
        var streams = new List<AsyncServerStreamingCall<Grpc.Health.V1.HealthCheckResponse>>();
        for (int i = 0; i < 3; i++)
        {
            streams.Add(health.Watch(new Grpc.Health.V1.HealthCheckRequest(), cancellationToken: Stop));
            Assert.True(await streams[i].ResponseStream.MoveNext(Stop));
        }
        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await health.CheckAsync(new Grpc.Health.V1.HealthCheckRequest(), cancellationToken: Stop));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        streams.ForEach(stream => stream.Dispose());
    }

    [Fact]
    public async Task Connections_of_an_address_beyond_the_limit_are_closed_until_one_ends()
    {
        const int Most = 5;
        await using Node node = await StartAsync(_stubs.Add(), $"MaxConnectionsPerAddress={Most}");
        var open = new Stack<TcpClient>();
        while (await ConnectAsync(node) is { } connection)
        {
            open.Push(connection);
            Assert.True(open.Count <= Most);
        }
        open.Pop().Dispose();
        TcpClient? again = null;
        await Eventually.TrueAsync(async () => (again = await ConnectAsync(node)) is not null, "the ended connection no longer counts");
        again!.Dispose();
        foreach (TcpClient connection in open)
        {
            connection.Dispose();
        }
    }

    [Fact]
    public async Task A_sender_and_a_reader_that_are_too_slow_are_disconnected()
    {
        var lines = new LogLines();
        await using Node node = await Node.StartAsync(
            platform =>
            {
                platform.Web.Logging.AddFilter<LogLines>("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Debug);
                platform.Web.Logging.AddFilter<LogLines>("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.Debug);
                platform.Web.Logging.AddProvider(lines);
                Node.Everything(platform);
            },
            ServiceRole.Gateway,
            [.. _stubs.Settings(_stubs.Add()), "Ephemeral=true", "MinBytesPerSecond=1000000"]);
        byte[] large = new byte[32 << 20];
        string job = Guid.CreateVersion7().ToString("n");
        await node.Services.GetRequiredService<JobService>().KeepAsync(
            Caller.Anonymous, job, new StageArtifact(0, 1, 8, 8, "image/png", large), Stop);

        using TcpClient sender = await SendAsync(
            node, "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{");
        using TcpClient reader = await SendAsync(node, $"GET /v1/artifacts/{job}-0 HTTP/1.1\r\nHost: a\r\n\r\n");

        await Eventually.TrueAsync(
            () => Task.FromResult(
                lines.Lines.Any(line => line.Event == "RequestBodyMinimumDataRateNotSatisfied")
                    && lines.Lines.Any(line => line.Event == "ResponseMinimumDataRateNotSatisfied")),
            "both are disconnected");
        string answer = Encoding.ASCII.GetString(await ReadAsync(sender));
        Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal), answer);
        Assert.True((await ReadAsync(reader)).Length < large.Length);
    }

    [Fact]
    public async Task Headers_beyond_the_limit_and_endless_empty_chunks_are_refused()
    {
        await using Node node = await StartAsync(_stubs.Add());
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Add("x-large", new string('a', 40 << 10));
        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, (await node.Http.SendAsync(request, Stop)).StatusCode);

        using AsyncClientStreamingCall<UploadChunk, UploadedImage> upload = node.Client.Generation.Upload(cancellationToken: Stop);
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            try
            {
                while (true)
                {
                    await upload.RequestStream.WriteAsync(new UploadChunk(), Stop);
                }
            }
            catch (Exception exception) when (exception is RpcException or InvalidOperationException)
            {
                await upload.ResponseAsync;
            }
        });
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Contains("chunks", refused.Status.Detail, StringComparison.Ordinal);
    }

    public void Dispose() => _stubs.Dispose();

    private Task<Node> StartAsync(string model, params string[] settings) =>
        Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), "Ephemeral=true", .. settings]);

    private static async Task<string> WaitingJobAsync(Node node, string model)
    {
        foreach (Worker worker in (await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Workers)
        {
            await node.Client.Workers.PauseAsync(new WorkerRequest { Id = worker.Id }, cancellationToken: Stop);
        }
        return (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1), cancellationToken: Stop)).Id;
    }

    /// <summary>Connects, and returns the connection if the gateway answers on it.</summary>
    private static async Task<TcpClient?> ConnectAsync(Node node)
    {
        TcpClient? connection = null;
        var buffer = new byte[4096];
        try
        {
            connection = await SendAsync(node, "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n");
            if (await connection.GetStream().ReadAsync(buffer, Stop) > 0)
            {
                return connection;
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // The gateway has closed it.
        }
        connection?.Dispose();
        return null;
    }

    private static async Task<TcpClient> SendAsync(Node node, string text)
    {
        var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, node.Http.BaseAddress!.Port, Stop);
        await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text), Stop);
        return connection;
    }

    /// <summary>Reads until the gateway's end of the connection.</summary>
    private static async Task<byte[]> ReadAsync(TcpClient connection)
    {
        using var bytes = new MemoryStream();
        try
        {
            await connection.GetStream().CopyToAsync(bytes, Stop);
        }
        catch (IOException)
        {
            // It was reset.
        }
        return bytes.ToArray();
    }
}
