using Brownian.Jobs.Access;

namespace Brownian.Testing.Contracts;

/// <summary>The behaviour of every store of keys and tenants, and of every audit log.</summary>
public abstract class AccessStoreContract : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 11, 29, 12, 0, 0, TimeSpan.Zero);

    private IAccessStore? _store;
    private IAuditLog? _audit;

    protected static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private IAccessStore Store => _store!;

    private IAuditLog Audit => _audit!;

    public async ValueTask InitializeAsync() => (_store, _audit) = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_key_is_found_with_its_tenant_and_never_replaced()
    {
        ApiKey key = New("000000000001", "acme") with { Role = Role.Operator, Scopes = ["metrics"], Name = "n", Expires = Now.AddDays(1) };
        Assert.Equal((null, null), await Store.FindKeyAsync(key.Id, Cancelled));
        Assert.True(await Store.TryAddKeyAsync(key, Cancelled));
        Assert.False(await Store.TryAddKeyAsync(key with { Hash = "other" }, Cancelled));
        (ApiKey? found, Tenant? tenant) = await Store.FindKeyAsync(key.Id, Cancelled);
        Assert.Equivalent(key, found, strict: true);
        Assert.Null(tenant);

        await Store.PutTenantAsync(new Tenant { Name = "acme", Quotas = new TenantQuotas(1, 2, 3, 4), IsDisabled = true, Created = Now }, Cancelled);
        Assert.Equal(
            new Tenant { Name = "acme", Quotas = new TenantQuotas(1, 2, 3, 4), IsDisabled = true, Created = Now },
            (await Store.FindKeyAsync(key.Id, Cancelled)).Tenant);
        Assert.Equal(key.Id, Assert.Single(await Store.KeysAsync(Cancelled)).Id);
    }

    [Fact]
    public async Task The_default_tenant_always_exists()
    {
        Assert.Equal(Tenant.Default, (await Store.FindTenantAsync(Tenant.Default, Cancelled))!.Name);
        Assert.Null(await Store.FindTenantAsync("acme", Cancelled));
        Assert.Equal([Tenant.Default], (await Store.TenantsAsync(Cancelled)).Select(tenant => tenant.Name));
        await Store.TryAddKeyAsync(New("000000000001", Tenant.Default), Cancelled);
        Assert.Equal(Tenant.Default, (await Store.FindKeyAsync("000000000001", Cancelled)).Tenant!.Name);
        await Store.PutTenantAsync(new Tenant { Name = "acme" }, Cancelled);
        await Store.PutTenantAsync(new Tenant { Name = Tenant.Default, IsDisabled = true }, Cancelled);
        Assert.Equal(
            [("acme", false), (Tenant.Default, true)],
            (await Store.TenantsAsync(Cancelled)).Select(tenant => (tenant.Name, tenant.IsDisabled)));
    }

    [Fact]
    public async Task A_key_ends_at_once_or_at_a_time_that_never_becomes_later()
    {
        await Store.TryAddKeyAsync(New("000000000001", "acme"), Cancelled);
        ApiKey ending = (await Store.EndKeyAsync("000000000001", Now, Now.AddHours(2), Cancelled))!;
        Assert.Equal(Now.AddHours(2), ending.Expires);
        Assert.Equal(Now.AddHours(1), (await Store.EndKeyAsync("000000000001", Now, Now.AddHours(1), Cancelled))!.Expires);
        Assert.Equal(Now.AddHours(1), (await Store.EndKeyAsync("000000000001", Now, Now.AddHours(3), Cancelled))!.Expires);
        Assert.True(ending.IsValid(Now.AddHours(2) - TimeSpan.FromTicks(1)));
        Assert.False(ending.IsValid(Now.AddHours(2)));
        await Store.EndKeyAsync("000000000001", Now, null, Cancelled);
        ApiKey ended = (await Store.EndKeyAsync("000000000001", Now.AddHours(9), null, Cancelled))!;
        Assert.Equal(Now, ended.Revoked);
        Assert.False((await Store.FindKeyAsync("000000000001", Cancelled)).Key!.IsValid(Now));
        Assert.Null(await Store.EndKeyAsync("000000000002", Now, null, Cancelled));
    }

    [Fact]
    public async Task The_signing_secret_is_the_same_at_every_call()
    {
        byte[][] secrets = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Store.SigningSecretAsync(Cancelled))));
        Assert.All(secrets, secret => Assert.Equal(secrets[0], secret));
        Assert.Equal(32, secrets[0].Length);
    }

    [Fact]
    public async Task Audit_entries_are_read_newest_first_and_by_tenant_and_refusals_remove_none_of_them()
    {
        for (int i = 0; i < 5; i++)
        {
            await Audit.AppendAsync(Entry(i, i % 2 == 0 ? "acme" : "other", "job.submit"), Cancelled);
        }
        for (int i = 0; i < 200; i++)
        {
            await Audit.AppendRefusalAsync(Entry(10 + i, "", "access.refuse"), Cancelled);
        }
        await Audit.AppendAsync(Entry(300, "other", "job.submit"), Cancelled);
        AuditPage all = await Audit.ReadAsync(null, null, 1000, Cancelled);
        int[] order = [.. all.Entries.Select(entry => (int)(entry.Time - Now).TotalSeconds)];
        // Entries of different kinds have an order only where more than a millisecond is between them.
        Assert.Equal([300, 4, 3, 2, 1, 0], order.Where(second => second is < 10 or 300));
        Assert.Equal(Enumerable.Range(10, 200).Reverse(), order.Where(second => second is >= 10 and < 300));
        Assert.True(Array.IndexOf(order, 300) < Array.IndexOf(order, 110) && Array.IndexOf(order, 110) < Array.IndexOf(order, 4));
        Assert.Null(all.Next);
        AuditPage first = await Audit.ReadAsync("acme", null, 1, Cancelled);
        Assert.Equal(Entry(4, "acme", "job.submit"), Assert.Single(first.Entries));
        AuditPage second = await Audit.ReadAsync("acme", first.Next, 2, Cancelled);
        Assert.Equal([2, 0], second.Entries.Select(entry => (int)(entry.Time - Now).TotalSeconds));
        Assert.Null(second.Next);
    }

    [Fact]
    public async Task Pages_of_any_size_hold_every_entry_once_also_where_times_are_equal()
    {
        // Of all three kinds and at one time, as a gateway's clock gives them to calls at once.
        string[] actions = ["key.create", "job.submit", "access.refuse"];
        for (int i = 0; i < 40; i++)
        {
            AuditEntry entry = Entry(0, "acme", actions[i % 3]) with { Target = i.ToString(CultureInfo.InvariantCulture) };
            await (i % 3 == 2 ? Audit.AppendRefusalAsync(entry, Cancelled) : Audit.AppendAsync(entry, Cancelled));
        }
        for (int size = 1; size <= 41; size++)
        {
            var read = new List<AuditEntry>();
            AuditPosition? after = null;
            do
            {
                AuditPage page = await Audit.ReadAsync("acme", after, size, Cancelled);
                Assert.InRange(page.Entries.Count, 1, size);
                read.AddRange(page.Entries);
                after = page.Next;
            }
            while (after is not null);
            int[] numbers = [.. read.Select(entry => int.Parse(entry.Target, CultureInfo.InvariantCulture))];
            Assert.Equal(Enumerable.Range(0, 40), numbers.Order());
            for (int kind = 0; kind < 3; kind++)
            {
                int[] ofKind = [.. numbers.Where(number => number % 3 == kind)];
                Assert.Equal(ofKind.OrderDescending(), ofKind);
            }
        }
    }

    [Fact]
    public async Task Entries_of_tenants_remove_none_of_operators()
    {
        await Audit.AppendAsync(Entry(0, "acme", "key.create"), Cancelled);
        const int Written = IAuditLog.Kept + 5000, AtOnce = 1000;
        for (int i = 0; i < Written; i += AtOnce)
        {
            await Task.WhenAll(Enumerable.Range(i, AtOnce).Select(second => Audit.AppendAsync(Entry(1 + second, "other", "job.cancel"), Cancelled)));
        }
        Assert.Equal("key.create", Assert.Single((await Audit.ReadAsync("acme", null, 10, Cancelled)).Entries).Action);
        AuditEntry newest = Assert.Single((await Audit.ReadAsync("other", null, 1, Cancelled)).Entries);
        Assert.Equal(Written, (int)(newest.Time - Now).TotalSeconds);
    }

    /// <summary>Opens an empty store.</summary>
    private protected abstract Task<(IAccessStore Store, IAuditLog Audit)> OpenAsync();

    private protected abstract ValueTask CloseAsync();

    private static ApiKey New(string id, string tenant) => new() { Id = id, Tenant = tenant, Hash = new string('a', 64), Created = Now };

    private static AuditEntry Entry(int second, string tenant, string action) =>
        new(Now.AddSeconds(second), "key:1", tenant, action, "target", "127.0.0.1", "details");
}
