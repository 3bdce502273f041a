using Brownian.Jobs.Artifacts;
using Brownian.Jobs.InProcess;

namespace Brownian.Jobs.Tests.Artifacts;

public sealed class MemoryArtifactStoreTests : ArtifactStoreContract
{
    private protected override Task<IArtifactStore> OpenAsync() => Task.FromResult<IArtifactStore>(new MemoryArtifactStore(TimeProvider.System));
}
