using Brownian.Platform.Artifacts;
using Brownian.Platform.InProcess;

namespace Brownian.Platform.Tests.Artifacts;

public sealed class FolderArtifactStoreTests : ArtifactStoreContract
{
    private readonly TemporaryFolder _folder = new();

    private protected override Task<IArtifactStore> OpenAsync() =>
        Task.FromResult<IArtifactStore>(new FolderArtifactStore(_folder.FullPath, TimeProvider.System));

    private protected override ValueTask CloseAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
