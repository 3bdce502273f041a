using Brownian.Client;
using Brownian.Hosting;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Brownian.Gateway.Tests.Access;

/// <summary>Keys and tenants are checked before they are stored, and what is done to them is in the audit log.</summary>
public sealed class AccessServiceTests : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private Node _node = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private V1.Access.AccessClient Access => _node.Client.Access;

    [Fact]
    public async Task Every_fault_of_a_key_and_of_a_tenant_is_reported_and_nothing_is_stored()
    {
        var key = new CreateKeyRequest
        {
            Tenant = "unknown",
            Name = new string('n', 129),
            Role = "king",
            ExpireTime = Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch),
        };
        key.Scopes.Add(["everything", "read"]);
        Assert.Equal(["tenant", "name", "role", "scopes[0]", "expire_time"], await FaultsAsync(Access.CreateKeyAsync(key, cancellationToken: Stop)));
        var beyond = new CreateKeyRequest { Role = "user", Tenant = "A" };
        beyond.Scopes.Add("operate");
        Assert.Equal(["tenant", "scopes[0]"], await FaultsAsync(Access.CreateKeyAsync(beyond, cancellationToken: Stop)));
        var tenant = new SetTenantRequest { Name = "-x", Quotas = new Quotas { Jobs = -2, RequestsPerMinute = 100_001 } };
        Assert.Equal(
            ["name", "quotas.requests_per_minute", "quotas.jobs"], await FaultsAsync(Access.SetTenantAsync(tenant, cancellationToken: Stop)));
        Assert.Equal(
            ["overlap"],
            await FaultsAsync(Access.RotateKeyAsync(
                new RotateKeyRequest { Id = "x", Overlap = Duration.FromTimeSpan(TimeSpan.FromDays(367)) }, cancellationToken: Stop)));
        foreach ((string first, string last, string field) in ((string, string, string)[])
            [("today", "", "first_day"), ("2026-11-02", "2026-11-01", "last_day"), ("2024-01-01", "2026-01-01", "last_day")])
        {
            Assert.Equal(
                [field], await FaultsAsync(Access.GetUsageAsync(new GetUsageRequest { FirstDay = first, LastDay = last }, cancellationToken: Stop)));
        }
        Assert.Equal(["page_size"], await FaultsAsync(Access.ListAuditAsync(new ListAuditRequest { PageSize = 1001 }, cancellationToken: Stop)));
        Assert.Empty((await Access.ListKeysAsync(new ListKeysRequest(), cancellationToken: Stop)).Keys);
        Assert.Equal(["default"], (await Access.ListTenantsAsync(new ListTenantsRequest(), cancellationToken: Stop)).Tenants.Select(one => one.Name));
        Assert.Empty((await Access.ListAuditAsync(new ListAuditRequest(), cancellationToken: Stop)).Entries);
    }

    [Fact]
    public async Task A_quota_is_changed_alone_and_minus_one_returns_to_that_of_the_settings()
    {
        await Access.SetTenantAsync(
            new SetTenantRequest { Name = "acme", Quotas = new Quotas { Jobs = 3, StoredBytes = 9 } }, cancellationToken: Stop);
        Tenant changed = await Access.SetTenantAsync(
            new SetTenantRequest { Name = "acme", Quotas = new Quotas { Jobs = -1 } }, cancellationToken: Stop);
        Assert.Equal((false, 9), (changed.Quotas.HasJobs, changed.Quotas.StoredBytes));
        string key = (await Access.CreateKeyAsync(new CreateKeyRequest { Tenant = "acme" }, cancellationToken: Stop)).Text;
        using var client = new BrownianClient(_node.GrpcAddress, new BrownianClientOptions { Credentials = BrownianClientOptions.Fixed(key) });
        AccountInfo account = await client.Account.GetAsync(new GetAccountRequest(), cancellationToken: Stop);
        Assert.Equal(("acme", 7, 9), (account.Tenant, account.Quotas.Jobs, account.Quotas.StoredBytes));
        Assert.Equal(["read", "generate"], account.Scopes);

        await Access.SetTenantAsync(new SetTenantRequest { Name = "acme", Disabled = true }, cancellationToken: Stop);
        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await client.Account.GetAsync(new GetAccountRequest(), cancellationToken: Stop));
        Assert.Equal((StatusCode.PermissionDenied, "the tenant acme is disabled"), (refused.StatusCode, refused.Status.Detail));
        await Access.SetTenantAsync(new SetTenantRequest { Name = "acme", Disabled = false }, cancellationToken: Stop);
        await client.Account.GetAsync(new GetAccountRequest(), cancellationToken: Stop);
    }

    [Fact]
    public async Task What_is_done_is_in_the_audit_log_with_the_caller_and_the_address()
    {
        CreatedKey created = await Access.CreateKeyAsync(new CreateKeyRequest { Role = "operator" }, cancellationToken: Stop);
        using var client = new BrownianClient(
            _node.GrpcAddress,
            new BrownianClientOptions { Credentials = BrownianClientOptions.Fixed(created.Text), OperatorAddress = _node.OperatorAddress });
        string worker = (await client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Workers[0].Id;
        await client.Workers.PauseAsync(new WorkerRequest { Id = worker }, cancellationToken: Stop);
        await client.Workers.ResumeAsync(new WorkerRequest { Id = worker }, cancellationToken: Stop);
        Job job = await client.Generation.SubmitAsync(Stubs.Request(_model, 1), cancellationToken: Stop);
        await client.Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Stop);
        CreatedKey rotated = await Access.RotateKeyAsync(new RotateKeyRequest { Id = created.Key.Id }, cancellationToken: Stop);
        await Access.RevokeKeyAsync(new RevokeKeyRequest { Id = rotated.Key.Id }, cancellationToken: Stop);
        await Access.SetTenantAsync(
            new SetTenantRequest { Name = "acme", Quotas = new Quotas { Jobs = 4, StoredBytes = 9 } }, cancellationToken: Stop);

        ListAuditResponse log = await Access.ListAuditAsync(new ListAuditRequest(), cancellationToken: Stop);
        string holder = "key:" + created.Key.Id;
        string[] entries = [.. log.Entries.Select(entry => $"{entry.Actor} {entry.Action} {entry.Target}")];
        // A job may end before the cancel, which then is none.
        Assert.Equal(
            [
                "operator tenant.set acme", "operator key.revoke " + rotated.Key.Id, "operator key.rotate " + rotated.Key.Id,
                $"{holder} job.submit {job.Id}", $"{holder} worker.resume {worker}", $"{holder} worker.pause {worker}",
                "operator key.create " + created.Key.Id,
            ],
            entries.Where(entry => !entry.Contains("job.cancel", StringComparison.Ordinal)));
        Assert.All(log.Entries, entry => Assert.Equal(
            ("127.0.0.1", entry.Action == "tenant.set" ? "acme" : "default"), (entry.Address, entry.Tenant)));
        // An operator's act concerns the tenant, which the log can be asked for.
        Assert.Equal(
            "operator tenant.set jobs 4, stored_bytes 9",
            string.Join("; ", (await Access.ListAuditAsync(new ListAuditRequest { Tenant = "acme" }, cancellationToken: Stop)).Entries
                .Select(entry => $"{entry.Actor} {entry.Action} {entry.Details}")));
        ListAuditResponse two = await Access.ListAuditAsync(new ListAuditRequest { PageSize = 2 }, cancellationToken: Stop);
        ListAuditResponse third = await Access.ListAuditAsync(
            new ListAuditRequest { PageToken = two.NextPageToken, PageSize = 1 }, cancellationToken: Stop);
        Assert.Equal("key.rotate", Assert.Single(third.Entries).Action);
        Assert.Equal(["page_token"], await FaultsAsync(Access.ListAuditAsync(new ListAuditRequest { PageToken = "1-2" }, cancellationToken: Stop)));
    }

    public async ValueTask InitializeAsync()
    {
        _model = _stubs.Add();
        _node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(_model), "Ephemeral=true", "TenantJobs=7"]);
    }

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        _stubs.Dispose();
    }

    private string _model = "";

    private static async Task<string[]> FaultsAsync<T>(AsyncUnaryCall<T> call)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        return [.. BrownianClient.FaultsOf(refused).Select(fault => fault.Field)];
    }
}
