using Brownian.Jobs.Access;

namespace Brownian.Jobs.Redis.Tests;

public sealed class RedisAccessStoreTests(RealServers servers) : AccessStoreContract
{
    private RedisSpace? _space;

    private protected override async Task<(IAccessStore Store, IAuditLog Audit)> OpenAsync()
    {
        _space = new RedisSpace(await servers.Redis, RealServers.AnswerTime);
        return (new RedisAccessStore(_space.Connection), new RedisAuditLog(_space.Connection));
    }

    private protected override ValueTask CloseAsync() => _space!.DisposeAsync();
}
