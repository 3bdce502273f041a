using Brownian.Jobs.Blobs;

namespace Brownian.Jobs.Redis.Tests;

public sealed class RedisBlobStoreTests(RealServers servers) : BlobStoreContract
{
    private RedisSpace? _space;

    private protected override async Task<IBlobStore> OpenAsync()
    {
        _space = new RedisSpace(await servers.Redis, RealServers.AnswerTime);
        return new RedisBlobStore(_space.Connection);
    }

    private protected override ValueTask CloseAsync() => _space!.DisposeAsync();

    private protected override async Task NothingIsLeftAsync() => Assert.Empty(await _space!.KeysAsync());

    private protected override async Task DamageAsync(string job, BlobRef reference, byte[] bytes) =>
        await (await _space!.DatabaseAsync()).HashSetAsync(_space.Key("blobs:" + job), reference.Key, bytes);
}
