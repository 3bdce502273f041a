using System.Runtime.CompilerServices;
using Brownian.Client;
using Brownian.Gateway.Uploads;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Jobs.Uploads;
using Brownian.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Job = Brownian.V1.Job;

namespace Brownian.Gateway.Tests.Access;

/// <summary>What counts for a caller's share, and which traces a caller leaves.</summary>
public sealed class ShareTests : IAsyncLifetime
{
    private const int Pixels = 32 * 32;

    private readonly Stubs _stubs = new();
    private Node _node = null!;
    private string _model = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Prompts_that_are_joined_by_AND_count_one_by_one_and_are_bounded()
    {
        using BrownianClient acme = await ClientAsync("acme");
        GenerateRequest request = Stubs.Request(_model, 1);
        request.PromptSyntax = "a1111";
        request.Prompt = "a AND b AND ab";
        await RunAsync(acme, request);
        Assert.Equal(3 * 4 * Pixels, (await AccountAsync(acme)).Held.PixelStepsPerDay);

        request.Prompt = string.Join(" AND ", Enumerable.Repeat("a", 17));
        RpcException refused = await RefusedAsync(acme, request);
        Assert.Equal(
            ("prompt", "has 17 parts that are joined by AND; allowed: up to 16"), Assert.Single(BrownianClient.FaultsOf(refused)));
    }

    [Theory]
    [InlineData(1000, "")]
    [InlineData(0, "(a:999999999999999999999999999999999999999)")]
    [InlineData(0, "a AND b :999999999999999999999999999999999999999")]
    public async Task A_weight_beyond_a_float_is_a_fault_of_the_prompt(int brackets, string prompt)
    {
        using BrownianClient acme = await ClientAsync("acme");
        GenerateRequest request = Stubs.Request(_model, 1);
        request.PromptSyntax = "a1111";
        request.Prompt = brackets > 0 ? new string('(', brackets) + "secret words" + new string(')', brackets) : prompt;
        RpcException refused = await RefusedAsync(acme, request);
        (string field, string problem) = Assert.Single(BrownianClient.FaultsOf(refused));
        Assert.Equal("prompt", field);
        Assert.StartsWith("has a weight that is beyond", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_direct_call_pays_for_what_was_evaluated()
    {
        const int Steps = 40, Seen = 25;
        using BrownianClient acme = await ClientAsync("acme");
        GenerateRequest request = Stubs.Request(_model, 1, Steps);
        request.Direct = true;
        using (AsyncServerStreamingCall<JobEvent> call = acme.Generation.Generate(request, cancellationToken: Stop))
        {
            while (await call.ResponseStream.MoveNext(Stop) && call.ResponseStream.Current.Progress?.Evaluation is not Seen)
            {
                // Until enough was evaluated.
            }
        }
        await Eventually.TrueAsync(async () => (await AccountAsync(acme)).Held.Jobs == 0, "the call ends");
        Assert.InRange((await AccountAsync(acme)).Held.PixelStepsPerDay, Seen * Pixels, Steps * Pixels);
    }

    [Fact]
    public async Task Images_of_direct_calls_count_for_the_default_tenant_too()
    {
        GenerateRequest request = Stubs.Request(_model, 1);
        request.Direct = true;
        await RunAsync(_node.Client, request);
        Assert.True((await AccountAsync(_node.Client)).Held.StoredBytes > 0);
    }

    [Fact]
    public async Task A_refused_direct_call_is_no_entry_of_the_audit_log_and_a_cancel_by_leaving_is_one()
    {
        using BrownianClient acme = await ClientAsync("acme", new Quotas { RequestsPerMinute = 1 });
        GenerateRequest request = Stubs.Request(_model, 1, steps: 900);
        using (AsyncServerStreamingCall<JobEvent> call = acme.Generation.Generate(request, cancellationToken: Stop))
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop));
        }
        request.Direct = true;
        Assert.Equal(
            StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(() => RunAsync(acme, request))).StatusCode);
        await Eventually.TrueAsync(async () => (await ActionsAsync()).Length == 3, "the job is cancelled");
        Assert.Equal(["tenant.set", "job.submit", "job.cancel"], await ActionsAsync());

        async Task<string[]> ActionsAsync() =>
        [
            .. (await _node.Client.Access.ListAuditAsync(new ListAuditRequest { Tenant = "acme" }, cancellationToken: Stop)).Entries
                .Select(entry => entry.Action).Where(action => action != "key.create").Reverse(),
        ];
    }

    [Fact]
    public async Task A_key_that_may_not_read_sees_no_content_of_jobs()
    {
        using BrownianClient acme = await ClientAsync("acme"), blind = await ClientAsync("acme", scope: "generate");
        Job job = await acme.Generation.SubmitAsync(Stubs.Request(_model, 1, steps: 900), cancellationToken: Stop);
        CancelJobResponse cancelled = await blind.Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Stop);
        Assert.Equal(new Job { Id = job.Id, State = JobState.Cancelled }, cancelled.Job);
        Job again = await blind.Generation.RetryAsync(new RetryJobRequest { Id = job.Id }, cancellationToken: Stop);
        Assert.Equal(new Job { Id = again.Id, State = again.State }, again);
        Assert.NotNull((await acme.Generation.GetAsync(new GetJobRequest { Id = again.Id }, cancellationToken: Stop)).Request);
        await acme.Generation.CancelAsync(new CancelJobRequest { Id = again.Id }, cancellationToken: Stop);
    }

    [Fact]
    public async Task A_rotated_key_lives_as_long_as_the_one_before_and_names_have_no_line_breaks()
    {
        DateTimeOffset ends = TimeProvider.System.GetUtcNow().AddDays(1);
        CreatedKey first = await _node.Client.Access.CreateKeyAsync(
            new CreateKeyRequest { Name = "short", ExpireTime = Timestamp.FromDateTimeOffset(ends) }, cancellationToken: Stop);
        CreatedKey second = await _node.Client.Access.RotateKeyAsync(new RotateKeyRequest { Id = first.Key.Id }, cancellationToken: Stop);
        Assert.Equal(
            (first.Key.ExpireTime - first.Key.CreateTime).ToTimeSpan().TotalSeconds,
            (second.Key.ExpireTime - second.Key.CreateTime).ToTimeSpan().TotalSeconds, 1.0);
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await _node.Client.Access.CreateKeyAsync(
            new CreateKeyRequest { Name = "a\nforged line" }, cancellationToken: Stop));
        Assert.Equal("name", Assert.Single(BrownianClient.FaultsOf(refused)).Field);
    }

    [Fact]
    public async Task An_upload_of_a_silent_sender_is_ended_and_leaves_nothing()
    {
        IServiceProvider services = _node.Services;
        var service = new UploadService(
            services.GetRequiredService<IArtifactStore>(), services.GetRequiredService<IUploadLedger>(),
            new UploadLimits { MaxSilence = TimeSpan.FromMilliseconds(50) }, services.GetRequiredService<IJobStore>(),
            services.GetRequiredService<JobService>(), NullLogger<UploadService>.Instance);
        var context = new DefaultHttpContext();
        context.Features.Set(new Caller("acme", "key:x", Permission.Generate));
        var uploader = Uploader.Of(context, services.GetRequiredService<ClientAddresses>());
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => service.StoreAsync(uploader, SilentAsync(Stop), Stop));
        Assert.Equal(StatusCode.DeadlineExceeded, refused.StatusCode);
        Assert.Equal(
            0, await services.GetRequiredService<IUploadLedger>().BytesOfAsync(UploadOwner.OfTenant("acme"), Stop));

        static async IAsyncEnumerable<UploadChunk> SilentAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            yield return new UploadChunk { Data = ByteString.CopyFrom(Stubs.Png()) };
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }

    public async ValueTask InitializeAsync()
    {
        _model = _stubs.Add(turns: 20);
        _node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway,
            [.. _stubs.Settings(_model), "Ephemeral=true", .. Node.Secured]);
    }

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        _stubs.Dispose();
    }

    private static async Task<AccountInfo> AccountAsync(BrownianClient client) =>
        await client.Account.GetAsync(new GetAccountRequest(), cancellationToken: Stop);

    private static async Task<RpcException> RefusedAsync(BrownianClient client, GenerateRequest request)
    {
        RpcException refused =
            await Assert.ThrowsAsync<RpcException>(async () => await client.Generation.SubmitAsync(request, cancellationToken: Stop));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        return refused;
    }

    private static async Task RunAsync(BrownianClient client, GenerateRequest request)
    {
        using AsyncServerStreamingCall<JobEvent> call = client.Generation.Generate(request, cancellationToken: Stop);
        while (await call.ResponseStream.MoveNext(Stop))
        {
            // Until it ends.
        }
    }

    private async Task<BrownianClient> ClientAsync(string tenant, Quotas? quotas = null, string? scope = null)
    {
        await _node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = tenant, Quotas = quotas }, cancellationToken: Stop);
        var request = new CreateKeyRequest { Tenant = tenant };
        request.Scopes.Add(scope is null ? [] : [scope]);
        CreatedKey created = await _node.Client.Access.CreateKeyAsync(request, cancellationToken: Stop);
        return new BrownianClient(_node.GrpcAddress, new BrownianClientOptions { Credentials = BrownianClientOptions.Fixed(created.Text) });
    }
}
