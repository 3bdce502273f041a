using System.Globalization;
using Brownian.Client;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;

namespace Brownian.Gateway.Tests.Access;

/// <summary>Calls each door that counts for a quota, in each form, as a tenant that is over a quota.</summary>
public sealed class QuotaDoorTests : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private Node _node = null!;
    private string _model = "";
    private string _slowModel = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Doors that submit as those beside them do, but with images, and doors that cancel or set options.</summary>
    private static IEnumerable<string> NotCalled =>
    [
        .. ((string[])["/openai/v1", "/v1"]).SelectMany(root => (string[])[$"POST {root}/images/edits", $"POST {root}/images/variations"]),
        .. ((string[])["img2img", "extra-single-image", "extra-batch-images", "interrupt", "skip", "options"])
            .Select(call => "POST /sdapi/v1/" + call),
    ];

    [Fact]
    public void Each_door_that_starts_or_stores_something_counts() => Assert.Equal(
        Doors.Rows.Where(row => row.Value.Permission == Permission.Generate).Select(row => row.Key)
            .Except(["/brownian.v1.Generation/Cancel", .. NotCalled]).Order(StringComparer.Ordinal),
        Doors.Rows.Where(row => row.Value.Counts).Select(row => row.Key).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("requests_per_minute")]
    [InlineData("jobs")]
    [InlineData("pixel_steps_per_day")]
    [InlineData("stored_bytes")]
    public async Task Each_door_that_counts_refuses_a_tenant_over_a_quota_and_says_when_to_come_back(string quota)
    {
        string tenant = "full-" + quota.Replace('_', '-');
        // Requests are counted for tenants with the quota only.
        Quotas quotas = quota == "requests_per_minute" ? new Quotas { RequestsPerMinute = 2 } : new Quotas();
        await _node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = tenant, Quotas = quotas }, cancellationToken: Stop);
        string key = (await _node.Client.Access.CreateKeyAsync(new CreateKeyRequest { Tenant = tenant }, cancellationToken: Stop)).Text;
        var metadata = new Metadata { { "authorization", "Bearer " + key } };
        // A job that has ended, to be tried again.
        Job job = await _node.Client.Generation.SubmitAsync(Stubs.Request(_slowModel, 1, steps: 900), metadata, cancellationToken: Stop);
        await _node.Client.Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, metadata, cancellationToken: Stop);
        using (AsyncServerStreamingCall<JobEvent> events =
            _node.Client.Generation.Watch(new WatchJobRequest { Id = job.Id }, metadata, cancellationToken: Stop))
        {
            while (await events.ResponseStream.MoveNext(Stop).WaitAsync(Eventually.Deadline, Stop))
            {
                // Until it ends.
            }
        }
        // A job that runs, and holds what the quotas count.
        GenerateRequest running = Stubs.Request(_slowModel, 1, steps: 900);
        string held = (await _node.Client.Generation.SubmitAsync(running, metadata, cancellationToken: Stop)).Id;
        long most = quota switch
        {
            "requests_per_minute" => 2,
            "jobs" => 1,
            "pixel_steps_per_day" => running.Width * running.Height * running.Steps,
            // A file that is larger than the quota could never be admitted: that is a fault of the request.
            _ => Stubs.Png().Length,
        };
        if (quota == "stored_bytes")
        {
            await _node.Client.Generation.UploadPartAsync(
                new UploadPartRequest { Data = ByteString.CopyFrom(Stubs.Png()), Last = true }, metadata, cancellationToken: Stop);
        }
        Quotas.Descriptor.FindFieldByName(quota).Accessor.SetValue(quotas, most);
        await _node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = tenant, Quotas = quotas }, cancellationToken: Stop);
        var caller = new DoorCaller(_node, key);
        var refused = new HashSet<string>(StringComparer.Ordinal);
        foreach (RouteEndpoint endpoint in Doors.Of(_node).Where(endpoint => Doors.RowOf(endpoint).Counts))
        {
            string door = Doors.NameOf(endpoint);
            bool isUpload = door.Contains("/Upload", StringComparison.Ordinal);
            foreach (DoorAnswer answer in await caller.CallAsync(endpoint, Valid(door, job.Id)))
            {
                if (isUpload && quota != "stored_bytes")
                {
                    Assert.Equal((door, answer.Form, StatusCode.OK), (door, answer.Form, answer.Code));
                    continue;
                }
                refused.Add(door);
                Assert.Equal((door, answer.Form, StatusCode.ResourceExhausted), (door, answer.Form, answer.Code));
                Assert.Equal(answer.Form == "JSON" ? 429 : 200, answer.HttpStatus);
                Assert.Contains(quota, answer.Text, StringComparison.Ordinal);
                Assert.Contains(answer.Form == "JSON" ? "Retry-After: " : "google.rpc.RetryInfo", answer.Text, StringComparison.Ordinal);
            }
        }
        int expected = Doors.Rows.Values.Count(row => row.Counts) - (quota == "stored_bytes" ? 0 : 2);
        Assert.Equal(expected, refused.Count);
        // A refused call leaves nothing.
        ListJobsResponse jobs = await _node.Client.Generation.ListAsync(new ListJobsRequest(), metadata, cancellationToken: Stop);
        Assert.Equal([held, job.Id], jobs.Jobs.Select(other => other.Id));
        await _node.Client.Generation.CancelAsync(new CancelJobRequest { Id = held }, metadata, cancellationToken: Stop);
    }

    [Theory]
    [InlineData("requests_per_minute", 0)]
    [InlineData("jobs", 0)]
    [InlineData("pixel_steps_per_day", 4095)]
    [InlineData("stored_bytes", 0)]
    public async Task A_request_that_no_waiting_lets_in_is_told_so_and_no_time(string quota, long most)
    {
        string tenant = "never-" + quota.Replace('_', '-');
        var quotas = new Quotas();
        Quotas.Descriptor.FindFieldByName(quota).Accessor.SetValue(quotas, most);
        await _node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = tenant, Quotas = quotas }, cancellationToken: Stop);
        string key = (await _node.Client.Access.CreateKeyAsync(new CreateKeyRequest { Tenant = tenant }, cancellationToken: Stop)).Text;
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await _node.Client.Generation.SubmitAsync(
            Stubs.Request(_model, 1), new Metadata { { "authorization", "Bearer " + key } }, cancellationToken: Stop));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Contains($"(the quota {quota}); under this quota the request is never admitted", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Null(BrownianClient.RetryAfterOf(refused));
    }

    public async ValueTask InitializeAsync()
    {
        (_model, _slowModel) = (_stubs.Add(), _stubs.Add(turns: 5000));
        _node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(_model, _slowModel), "Ephemeral=true"]);
    }

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        _stubs.Dispose();
    }

    private IMessage Valid(string door, string job) => door[(door.LastIndexOf('/') + 1)..] switch
    {
        "Generate" or "Submit" or "generations" or "txt2img" => Stubs.Request(_model, 2),
        "Retry" => new RetryJobRequest { Id = job },
        "Upload" => new UploadChunk { Data = ByteString.CopyFrom(Stubs.Png()) },
        "UploadPart" => new UploadPartRequest { Data = ByteString.CopyFrom(Stubs.Png()) },
        _ => throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"There is no valid message for {door}.")),
    };
}
