using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.Testing.Events;
using Brownian.V1;

namespace Brownian.Gateway.Tests.Callbacks;

/// <summary>The gateway calls the client's address when a job has ended.</summary>
public sealed class CallbackTests : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private CallbackServer _server = null!;
    private Node _node = null!;
    private string _model = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _model = _stubs.Add();
        _server = await CallbackServer.StartAsync();
        _node = await StartAsync(CallbackServer.Settings);
    }

    [Fact]
    public async Task An_ended_job_is_sent_once_signed_with_its_images()
    {
        Job submitted = await SubmitAsync();
        Assert.Equal((_server.Address, CallbackState.Pending), (submitted.Callback.Url, submitted.Callback.State));

        ReceivedCallback received = await _server.NextAsync();

        Assert.Equal(("POST", "/ended?a=b"), (received.Method, received.Path));
        Assert.Equal("application/json", received.Headers["Content-Type"]);
        Assert.Equal(submitted.Id + "-ended", received.Headers["webhook-id"]);
        Assert.Equal(SignatureOf(received), received.Headers["webhook-signature"]);
        Assert.Equal("job.done", (string?)received.Json["type"]);
        Job done = await UntilAsync(submitted.Id, CallbackState.Delivered);
        Assert.Equal((1, ""), (done.Callback.Attempts, done.Callback.Error));
        // The job is as Get returns it, without what changes later.
        (done.Callback, done.ExpireTime) = (null, null);
        Assert.Equal(done, Job.Parser.ParseJson(received.Json["data"]!.ToJsonString()));
        Assert.False(_server.HasNext);
    }

    [Fact]
    public async Task A_failed_attempt_is_repeated_with_the_same_body_until_one_is_accepted()
    {
        _server.Answer(500);
        _server.Answer(context =>
        {
            context.Response.Redirect("/elsewhere");
            return Task.CompletedTask;
        });
        _server.Answer(context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        Job submitted = await SubmitAsync();

        ReceivedCallback[] all = [await _server.NextAsync(), await _server.NextAsync(), await _server.NextAsync(), await _server.NextAsync()];

        Job done = await UntilAsync(submitted.Id, CallbackState.Delivered);
        Assert.Equal(4, done.Callback.Attempts);
        Assert.All(all, one => Assert.Equal((all[0].Path, all[0].Headers["webhook-id"]), (one.Path, one.Headers["webhook-id"])));
        Assert.All(all, one => Assert.Equal(all[0].Body, one.Body));
        Assert.All(all, one => Assert.Equal(SignatureOf(one), one.Headers["webhook-signature"]));
    }

    [Fact]
    public async Task A_server_that_says_gone_is_not_called_again()
    {
        _server.Answer(410);
        Job submitted = await SubmitAsync();

        Job failed = await UntilAsync(submitted.Id, CallbackState.Failed);

        Assert.Equal((1, "the server answered 410"), (failed.Callback.Attempts, failed.Callback.Error));
        Assert.Null(failed.Callback.NextTime);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_left_after_the_time_limit()
    {
        await using Node impatient = await StartAsync([.. CallbackServer.Settings, "CallbackSeconds=0.2"]);
        var released = new TaskCompletionSource();
        _server.Answer(_ => released.Task);
        Job submitted = await SubmitAsync(impatient);

        await _server.NextAsync();
        await _server.NextAsync();
        Job done = await UntilAsync(submitted.Id, CallbackState.Delivered, impatient);

        released.SetResult();
        Assert.Equal(2, done.Callback.Attempts);
    }

    [Fact]
    public async Task A_cancelled_job_is_sent_too_and_an_abandoned_submission_is_not()
    {
        string slow = _stubs.Add(turns: 50_000);
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(slow), "Ephemeral=true", .. CallbackServer.Settings]);
        GenerateRequest request = Stubs.Request(slow, 1, steps: 50);
        request.CallbackUrl = _server.Address;
        Job submitted = await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);
        await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = submitted.Id }, cancellationToken: Stop);

        ReceivedCallback received = await _server.NextAsync();

        Assert.Equal((submitted.Id, "job.cancelled"), (received.Job, (string)received.Json["type"]!));
    }

    [Fact]
    public async Task A_private_address_is_not_reached_where_it_is_not_allowed_whatever_its_name()
    {
        await using Node strict = await StartAsync(
            ["CallbackHosts:0=*", "CallbackSecrets:0=" + CallbackServer.Secret, "CallbackPauseSeconds=600"]);
        GenerateRequest request = Stubs.Request(_model, 1);
        request.CallbackUrl = $"https://localhost:{new Uri(_server.Address).Port}/";
        Job submitted = await strict.Client.Generation.SubmitAsync(request, cancellationToken: Stop);

        Job waiting = await UntilAsync(submitted.Id, job => job.Callback.Error.Length > 0, strict);

        Assert.Equal(CallbackState.Waiting, waiting.Callback.State);
        Assert.StartsWith("localhost is at ", waiting.Callback.Error, StringComparison.Ordinal);
        Assert.EndsWith("which is private", waiting.Callback.Error, StringComparison.Ordinal);
        Assert.False(_server.HasNext);
    }

    [Theory]
    [InlineData("""{"callback_url": "https://other.example/"}""", "callback_url: names other.example; allowed hosts: 127.0.0.1")]
    [InlineData("""{"callback_url": "ftp://127.0.0.1/"}""", "callback_url: is not an address; allowed: https://HOST/PATH or http://HOST/PATH")]
    [InlineData("""{"callback_url": "/path"}""", "callback_url: is not an address")]
    [InlineData("""{"callback_url": "http://user:password@127.0.0.1/"}""", "callback_url: has a user or a fragment")]
    [InlineData("""{"callback_url": "http://127.0.0.1/#a"}""", "callback_url: has a user or a fragment")]
    [InlineData("""{"callback_url": ""}""", "callback_url: has 0 characters; allowed: 1..2048")]
    [InlineData("""{"callback_url": 3}""", "callback_url: 3 is not allowed; allowed: text")]
    public async Task An_address_that_is_not_allowed_is_refused_with_the_other_faults(string body, string says)
    {
        JsonObject request = JsonNode.Parse(body)!.AsObject();
        (request["model"], request["prompt"], request["steps"]) = (_model, "a", 0);

        using HttpResponseMessage answer = await _node.Http.PostAsJsonAsync("/v1/jobs", request, Stop);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        string message = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["message"]!;
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.Contains("steps: 0 is not allowed", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gateway_without_callbacks_and_a_direct_call_refuse_an_address()
    {
        await using Node none = await StartAsync([]);
        GenerateRequest request = Stubs.Request(_model, 1);
        request.CallbackUrl = _server.Address;

        Grpc.Core.RpcException off = await Assert.ThrowsAsync<Grpc.Core.RpcException>(
            async () => await none.Client.Generation.SubmitAsync(request, cancellationToken: Stop));
        Assert.Contains("callback_url: is not taken by this gateway: its Platform:CallbackHosts", off.Status.Detail, StringComparison.Ordinal);

        request.Direct = true;
        using Grpc.Core.AsyncServerStreamingCall<JobEvent> direct = _node.Client.Generation.Generate(request, cancellationToken: Stop);
        Grpc.Core.RpcException refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => direct.ResponseStream.MoveNext(Stop));
        Assert.Contains("callback_url: cannot be given with direct", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repeated_submission_with_another_address_is_a_conflict()
    {
        GenerateRequest request = Stubs.Request(_model, 1);
        (request.CallbackUrl, request.IdempotencyKey) = (_server.Address, "one");
        Job first = await _node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);
        Assert.Equal(first.Id, (await _node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id);
        request.CallbackUrl += "c";

        Grpc.Core.RpcException refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(
            async () => await _node.Client.Generation.SubmitAsync(request, cancellationToken: Stop));

        Assert.Equal(Grpc.Core.StatusCode.AlreadyExists, refused.StatusCode);
        Assert.Equal(first.Id, (await _server.NextAsync()).Job);
    }

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        await _server.DisposeAsync();
        _stubs.Dispose();
    }

    private static string SignatureOf(ReceivedCallback received)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{received.Headers["webhook-id"]}.{received.Headers["webhook-timestamp"]}."), .. received.Body];
        return "v1," + Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(CallbackServer.Secret["whsec_".Length..]), signed));
    }

    private Task<Node> StartAsync(IEnumerable<string> settings) =>
        Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(_model), "Ephemeral=true", .. settings]);

    private async Task<Job> SubmitAsync(Node? node = null)
    {
        GenerateRequest request = Stubs.Request(_model, 1);
        request.CallbackUrl = _server.Address;
        return await (node ?? _node).Client.Generation.SubmitAsync(request, cancellationToken: Stop);
    }

    private Task<Job> UntilAsync(string id, CallbackState state, Node? node = null) => UntilAsync(id, job => job.Callback.State == state, node);

    private async Task<Job> UntilAsync(string id, Func<Job, bool> holds, Node? node)
    {
        Job job = new();
        await Eventually.TrueAsync(
            async () => holds(job = await (node ?? _node).Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop)),
            "the callback has its state");
        return job;
    }
}
