using Brownian.Jobs.Artifacts;

namespace Brownian.Jobs.Redis.Tests;

public sealed class RedisArtifactStoreTests(RealServers servers) : ArtifactStoreContract
{
    private RedisSpace? _space;

    private protected override async Task<IArtifactStore> OpenAsync()
    {
        _space = new RedisSpace(await servers.Redis, RealServers.AnswerTime);
        return new RedisArtifactStore(_space.Connection);
    }

    private protected override ValueTask CloseAsync() => _space!.DisposeAsync();
}
