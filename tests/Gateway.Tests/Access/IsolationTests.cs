using System.Net;
using System.Text;
using Brownian.Client;
using Brownian.Hosting;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;

namespace Brownian.Gateway.Tests.Access;

/// <summary>What a tenant owns does not exist for another one: the answers are those about an id that never existed, to the byte.</summary>
public sealed class IsolationTests : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private Node _node = null!;
    private string _model = "", _upscaler = "", _otherKey = "";
    private BrownianClient _acme = null!, _other = null!;
    private HttpClient _otherHttp = null!, _acmeHttp = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_another_tenant_owns_is_answered_like_what_never_existed_at_each_door()
    {
        Job job = await GenerateAsync(_acme);
        string never = Guid.CreateVersion7().ToString("n");
        Assert.Equal(job.Id, (await _acme.Generation.GetAsync(new GetJobRequest { Id = job.Id }, cancellationToken: Stop)).Id);
        UploadPartResponse part = await _acme.Generation.UploadPartAsync(
            new UploadPartRequest { Data = ByteString.CopyFrom(Stubs.Png()[..100]) }, cancellationToken: Stop);
        var caller = new DoorCaller(_node, _otherKey);
        var called = new HashSet<string>(StringComparer.Ordinal);
        foreach (RouteEndpoint endpoint in Doors.Of(_node).Where(endpoint => Doors.RowOf(endpoint).Names))
        {
            string door = Doors.NameOf(endpoint);
            called.Add(door);
            bool isUpload = door.EndsWith("/UploadPart", StringComparison.Ordinal);
            string own = isUpload ? part.UploadId : door.Contains("rtifact", StringComparison.Ordinal) ? job.Id + "-0" : job.Id;
            string unknown = isUpload ? "up_" + Guid.NewGuid().ToString("n") : own.Replace(job.Id, never, StringComparison.Ordinal);
            DoorAnswer[] expected = [.. await caller.CallAsync(endpoint, Naming(door, unknown))];
            DoorAnswer[] answers = [.. await caller.CallAsync(endpoint, Naming(door, own))];
            Assert.Equal(expected.Length, answers.Length);
            foreach ((DoorAnswer first, DoorAnswer second) in expected.Zip(answers))
            {
                Assert.Equal((door, first.Form, isUpload ? StatusCode.InvalidArgument : StatusCode.NotFound), (door, first.Form, first.Code));
                Assert.Equal(
                    first.Text.Replace(unknown, "ID", StringComparison.Ordinal), second.Text.Replace(own, "ID", StringComparison.Ordinal));
            }
        }
        Assert.Equal(
            Doors.Rows.Where(row => row.Value.Names).Select(row => row.Key).Order(StringComparer.Ordinal), called.Order(StringComparer.Ordinal));
        Job same = await _acme.Generation.GetAsync(new GetJobRequest { Id = job.Id }, cancellationToken: Stop);
        Assert.Equal(JobState.Done, same.State);
        // The upload of the other tenant is as it was.
        await _acme.Generation.UploadPartAsync(
            new UploadPartRequest { UploadId = part.UploadId, Offset = 100, Data = ByteString.CopyFrom(Stubs.Png()[100..]), Last = true },
            cancellationToken: Stop);
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
    public async Task A_request_that_names_another_tenants_upload_is_answered_like_one_whose_upload_never_existed()
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
        using (var question = new HttpRequestMessage(HttpMethod.Head, "/v1/artifacts/" + id))
        {
            using HttpResponseMessage answer = await _acmeHttp.SendAsync(question, Stop);
            Assert.Equal((HttpStatusCode.OK, "image/png"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
            Assert.Empty(await answer.Content.ReadAsByteArrayAsync(Stop));
        }
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
        // A disabled tenant's links end with it.
        foreach ((bool isDisabled, HttpStatusCode code) in new[] { (true, HttpStatusCode.Forbidden), (false, HttpStatusCode.OK) })
        {
            await _node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = "acme", Disabled = isDisabled }, cancellationToken: Stop);
            Assert.Equal(code, (await _node.Http.GetAsync(link.Path, Stop)).StatusCode);
        }
    }

    public async ValueTask InitializeAsync()
    {
        (_model, _upscaler) = (_stubs.Add(), _stubs.AddUpscaler());
        _node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(_model, _upscaler), "Ephemeral=true"]);
        (_acme, _acmeHttp) = await ClientOfAsync("acme");
        (_other, _otherHttp) = await ClientOfAsync("other");
        _otherKey = _otherHttp.DefaultRequestHeaders.Authorization!.Parameter!;
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

    /// <summary>A valid message that names a thing.</summary>
    private static IMessage Naming(string door, string id) => door[(door.LastIndexOf('/') + 1)..] switch
    {
        "Get" => new GetJobRequest { Id = id },
        "Watch" => new WatchJobRequest { Id = id },
        "Cancel" => new CancelJobRequest { Id = id },
        "Retry" => new RetryJobRequest { Id = id },
        "GetArtifact" => new GetArtifactRequest { Id = id },
        "SignArtifact" => new SignArtifactRequest { Id = id },
        "UploadPart" => new UploadPartRequest { UploadId = id, Offset = 100, Data = ByteString.CopyFrom(Stubs.Png()[100..]) },
        _ => new GetArtifactRequest { Id = id },
    };
}
