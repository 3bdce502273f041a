using Brownian.Jobs.Access;

namespace Brownian.Jobs.Sqlite.Tests;

public sealed class SqliteAccessStoreTests : AccessStoreContract
{
    private readonly TemporaryFolder _folder = new();
    private SqliteAccessStore? _store;

    [Fact]
    public async Task Keys_and_entries_survive_a_restart()
    {
        string file = _folder.Combine("restarted.sqlite");
        var entry = new AuditEntry(DateTimeOffset.UnixEpoch, "operator", "default", "key.create", "1", "local");
        byte[] secret;
        using (SqliteAccessStore first = SqliteAccessStore.Open(file))
        {
            await first.TryAddKeyAsync(new ApiKey { Id = "1", Tenant = "acme", Hash = "h" }, Cancelled);
            await first.AppendAsync(entry, Cancelled);
            secret = await first.SigningSecretAsync(Cancelled);
        }
        using SqliteAccessStore second = SqliteAccessStore.Open(file);
        Assert.Equal("acme", (await second.FindKeyAsync("1", Cancelled)).Key!.Tenant);
        Assert.Equal([entry], (await second.ReadAsync(null, null, 10, Cancelled)).Entries);
        Assert.Equal(secret, await second.SigningSecretAsync(Cancelled));
    }

    private protected override Task<(IAccessStore Store, IAuditLog Audit)> OpenAsync()
    {
        _store = SqliteAccessStore.Open(_folder.Combine("access.sqlite"));
        return Task.FromResult<(IAccessStore, IAuditLog)>((_store, _store));
    }

    private protected override ValueTask CloseAsync()
    {
        _store!.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
