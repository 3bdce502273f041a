using Brownian.Jobs.Blobs;
using Brownian.Jobs.InProcess;

namespace Brownian.Jobs.Tests.Blobs;

public sealed class MemoryBlobStoreTests : BlobStoreContract
{
    private protected override Task<IBlobStore> OpenAsync() => Task.FromResult<IBlobStore>(new MemoryBlobStore());
}
