using System.Net;
using System.Text;
using Brownian.Client;
using Brownian.Hosting;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Brownian.Gateway.Tests.Access;

/// <summary>What a tenant owns does not exist for another one: the answers are those about an id that never existed, to the byte.</summary>
public sealed class IsolationTests : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private Node _node = null!;
    private string _model = "", _upscaler = "";
    private BrownianClient _acme = null!, _other = null!;
    private HttpClient _otherHttp = null!, _acmeHttp = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Another_tenants_job_is_answered_like_one_that_never_existed()
    {
        Job job = await GenerateAsync(_acme);
        string never = Guid.CreateVersion7().ToString("n");
        Assert.Equal(job.Id, (await _acme.Generation.GetAsync(new GetJobRequest { Id = job.Id }, cancellationToken: Stop)).Id);
        foreach ((string name, Func<BrownianClient, string, Task> call) in (IReadOnlyList<(string, Func<BrownianClient, string, Task>)>)
        [
            ("Get", (client, id) => client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop).ResponseAsync),
            ("Cancel", (client, id) => client.Generation.CancelAsync(new CancelJobRequest { Id = id }, cancellationToken: Stop).ResponseAsync),
            ("Retry", (client, id) => client.Generation.RetryAsync(new RetryJobRequest { Id = id }, cancellationToken: Stop).ResponseAsync),
            ("Watch", (client, id) => ReadAsync(
                client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: Stop).ResponseStream)),
            ("GetArtifact", (client, id) => client.GetArtifactAsync(id + "-0", Stop)),
            ("SignArtifact", (client, id) => client.Generation.SignArtifactAsync(
                new SignArtifactRequest { Id = id + "-0" }, cancellationToken: Stop).ResponseAsync),
        ])
        {
            string expected = await AnswerAsync(call, never);
            Assert.StartsWith("NotFound ", expected, StringComparison.Ordinal);
            Assert.Equal(name + expected, name + (await AnswerAsync(call, job.Id)));
        }
        foreach ((HttpMethod method, string path) in ((HttpMethod, string)[])
        [
            (HttpMethod.Get, "/v1/jobs/ID"), (HttpMethod.Post, "/v1/jobs/ID/cancel"), (HttpMethod.Post, "/v1/jobs/ID/retry"),
            (HttpMethod.Get, "/v1/artifacts/ID-0"), (HttpMethod.Post, "/v1/artifacts/ID-0/sign"),
        ])
        {
            string expected = await AnswerAsync(method, path, never);
            Assert.StartsWith("404 ", expected, StringComparison.Ordinal);
            Assert.Equal(path + expected, path + (await AnswerAsync(method, path, job.Id)));
        }
        Job same = await _acme.Generation.GetAsync(new GetJobRequest { Id = job.Id }, cancellationToken: Stop);
        Assert.Equal(JobState.Done, same.State);
    }

    [Fact]
    public async Task Lists_and_usage_contain_the_callers_tenant_only()
    {
        Job own = await GenerateAsync(_acme), other = await GenerateAsync(_other);
        Job open = await GenerateAsync(_node.Client);
        Assert.Equal([own.Id], await IdsAsync(_acme));
        Assert.Equal([other.Id], await IdsAsync(_other));
        Assert.Equal([open.Id], await IdsAsync(_node.Client));

        UsageReport usage = await _acme.Account.GetUsageAsync(new GetAccountUsageRequest(), cancellationToken: Stop);
        DayUsage day = Assert.Single(usage.Days);
        Assert.Equal(("acme", 1, 1, 1, 32 * 32 * 4), (day.Tenant, day.Requests, day.Done, day.Images, day.PixelSteps));
        UsageReport all = await _node.Client.Access.GetUsageAsync(new GetUsageRequest(), cancellationToken: Stop);
        Assert.Equal(["acme", "default", "other"], all.Days.Select(one => one.Tenant));
    }

    [Fact]
    public async Task An_idempotency_key_belongs_to_its_tenant()
    {
        GenerateRequest first = Stubs.Request(_model, 1), second = Stubs.Request(_model, 2);
        first.IdempotencyKey = second.IdempotencyKey = "the same";
        Job own = await _acme.Generation.SubmitAsync(first, cancellationToken: Stop);
        Job other = await _other.Generation.SubmitAsync(second, cancellationToken: Stop);
        Job open = await _node.Client.Generation.SubmitAsync(second, cancellationToken: Stop);
        Assert.Equal(3, new[] { own.Id, other.Id, open.Id }.Distinct().Count());
        Assert.Equal(own.Id, (await _acme.Generation.SubmitAsync(first, cancellationToken: Stop)).Id);
        Assert.Equal(other.Id, (await _other.Generation.SubmitAsync(second, cancellationToken: Stop)).Id);
    }

    [Fact]
    public async Task Another_tenants_upload_is_answered_like_one_that_never_existed()
    {
        UploadedImage upload = await _acme.UploadAsync(new MemoryStream(Stubs.Png()), Stop);
        string never = "up_" + Guid.NewGuid().ToString("n");
        GenerateRequest Naming(string id) => Stubs.Upscale(_upscaler, id);
        Assert.Equal(
            JobState.Done, (await EndAsync(_acme, (await _acme.Generation.SubmitAsync(Naming(upload.Id), cancellationToken: Stop)).Id)).State);
        foreach (bool isDirect in (bool[])[false, true])
        {
            async Task Call(BrownianClient client, string id)
            {
                GenerateRequest request = Naming(id);
                request.Direct = isDirect;
                await ReadAsync(client.Generation.Generate(request, cancellationToken: Stop).ResponseStream);
            }

            string expected = await AnswerAsync(Call, never);
            Assert.StartsWith("InvalidArgument ", expected, StringComparison.Ordinal);
            Assert.Equal(expected, await AnswerAsync(Call, upload.Id));
        }
        // Nor can it be finished by another tenant.
        UploadPartResponse part = await _acme.Generation.UploadPartAsync(
            new UploadPartRequest { Data = ByteString.CopyFrom(Stubs.Png()[..100]) }, cancellationToken: Stop);
        Task Append(BrownianClient client, string id) => client.Generation.UploadPartAsync(
            new UploadPartRequest { UploadId = id, Offset = 100, Data = ByteString.CopyFrom(Stubs.Png()[100..]), Last = true },
            cancellationToken: Stop).ResponseAsync;
        Assert.Equal(await AnswerAsync(Append, never), await AnswerAsync(Append, part.UploadId));
        await Append(_acme, part.UploadId);
    }

    [Fact]
    public async Task An_image_of_a_direct_call_belongs_to_the_tenant_of_the_call()
    {
        GenerateRequest request = Stubs.Request(_model, 3);
        request.Direct = true;
        string id = "";
        await foreach (JobEvent update in _acme.GenerateAsync(request, Stop))
        {
            id = update.Artifact?.Id ?? id;
        }
        Assert.NotEmpty(await _acme.GetArtifactAsync(id, Stop));
        Assert.Equal(HttpStatusCode.OK, (await _acmeHttp.GetAsync("/v1/artifacts/" + id, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _otherHttp.GetAsync("/v1/artifacts/" + id, Stop)).StatusCode);
        Assert.Equal(
            StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => _other.GetArtifactAsync(id, Stop))).StatusCode);
    }

    [Fact]
    public async Task A_signed_link_opens_one_image_without_credentials_until_it_expires()
    {
        Job job = await GenerateAsync(_acme), another = await GenerateAsync(_acme);
        string id = job.Artifacts[0].Id;
        SignedArtifact link = await _acme.Generation.SignArtifactAsync(new SignArtifactRequest { Id = id }, cancellationToken: Stop);
        Assert.Equal(await _acme.GetArtifactAsync(id, Stop), await _node.Http.GetByteArrayAsync(link.Path, Stop));
        SignedArtifact expired = await _acme.Generation.SignArtifactAsync(
            new SignArtifactRequest { Id = id, Lifetime = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromMilliseconds(1)) },
            cancellationToken: Stop);
        string signature = link.Path[^43..];
        foreach (string wrong in (string[])
        [
            // Expires in the current second, which counts as passed.
            expired.Path,
            link.Path.Replace(id, another.Artifacts[0].Id, StringComparison.Ordinal),
            link.Path.Replace("expires=", "expires=1", StringComparison.Ordinal),
            link.Path[..^1] + (link.Path[^1] == 'A' ? 'E' : 'A'),
            link.Path[..^43] + new string('A', 43),
            $"/v1/signed/{id}?signature={signature}",
            $"/v1/signed/{id}",
            $"/v1/signed/{id}?expires=99999999999&signature=%00",
        ])
        {
            Assert.Equal((wrong, HttpStatusCode.Forbidden), (wrong, (await _node.Http.GetAsync(wrong, Stop)).StatusCode));
        }
    }

    public async ValueTask InitializeAsync()
    {
        (_model, _upscaler) = (_stubs.Add(), _stubs.AddUpscaler());
        _node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(_model, _upscaler), "Ephemeral=true"]);
        (_acme, _acmeHttp) = await ClientOfAsync("acme");
        (_other, _otherHttp) = await ClientOfAsync("other");
    }

    public async ValueTask DisposeAsync()
    {
        _acme.Dispose();
        _other.Dispose();
        _acmeHttp.Dispose();
        _otherHttp.Dispose();
        await _node.DisposeAsync();
        _stubs.Dispose();
    }

    private async Task<(BrownianClient Client, HttpClient Http)> ClientOfAsync(string tenant)
    {
        await _node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = tenant }, cancellationToken: Stop);
        CreatedKey key = await _node.Client.Access.CreateKeyAsync(new CreateKeyRequest { Tenant = tenant }, cancellationToken: Stop);
        var http = new HttpClient { BaseAddress = _node.Http.BaseAddress };
        http.DefaultRequestHeaders.TryAddWithoutValidation("authorization", "Bearer " + key.Text);
        return (new BrownianClient([_node.GrpcAddress], new BrownianClientOptions { Credentials = BrownianClientOptions.Fixed(key.Text) }), http);
    }

    private async Task<Job> GenerateAsync(BrownianClient client) =>
        await EndAsync(client, (await client.Generation.SubmitAsync(Stubs.Request(_model, 1), cancellationToken: Stop)).Id);

    private static async Task<Job> EndAsync(BrownianClient client, string id)
    {
        await ReadAsync(client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: Stop).ResponseStream);
        return await client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
    }

    private static async Task ReadAsync<T>(IAsyncStreamReader<T> stream)
    {
        while (await stream.MoveNext(Stop).WaitAsync(Eventually.Deadline, Stop))
        {
            // Until it ends.
        }
    }

    private static async Task<string[]> IdsAsync(BrownianClient client) =>
        [.. (await client.Generation.ListAsync(new ListJobsRequest(), cancellationToken: Stop)).Jobs.Select(job => job.Id)];

    /// <summary>The other tenant's answer: code, message and trailers, without the id.</summary>
    private async Task<string> AnswerAsync(Func<BrownianClient, string, Task> call, string id)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => call(_other, id));
        string trailers = string.Join(
            '\n',
            refused.Trailers.Select(trailer => trailer.IsBinary ? Encoding.Latin1.GetString(trailer.ValueBytes) : trailer.Value));
        return $"{refused.StatusCode} {refused.Status.Detail}\n{trailers}".Replace(id, "ID", StringComparison.Ordinal);
    }

    private async Task<string> AnswerAsync(HttpMethod method, string path, string id)
    {
        using var request = new HttpRequestMessage(method, path.Replace("ID", id, StringComparison.Ordinal));
        if (method == HttpMethod.Post)
        {
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        }
        using HttpResponseMessage answer = await _otherHttp.SendAsync(request, Stop);
        answer.Headers.Date = null;
        return $"{(int)answer.StatusCode} {answer.Headers}{answer.Content.Headers}{await answer.Content.ReadAsStringAsync(Stop)}"
            .Replace(id, "ID", StringComparison.Ordinal);
    }
}
