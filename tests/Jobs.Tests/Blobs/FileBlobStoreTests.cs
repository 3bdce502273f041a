using Brownian.Jobs.Blobs;
using Brownian.Jobs.InProcess;

namespace Brownian.Jobs.Tests.Blobs;

public sealed class FileBlobStoreTests : BlobStoreContract
{
    private readonly TemporaryFolder _folder = new();

    private protected override Task<IBlobStore> OpenAsync() => Task.FromResult<IBlobStore>(new FileBlobStore(_folder.FullPath));

    private protected override ValueTask CloseAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private protected override Task NothingIsLeftAsync()
    {
        Assert.False(Directory.Exists(_folder.Combine("job")) || Directory.Exists(_folder.Combine("other")));
        return Task.CompletedTask;
    }

    private protected override Task DamageAsync(string job, BlobRef reference, byte[] bytes) =>
        File.WriteAllBytesAsync(_folder.Combine(job, reference.Key), bytes, TestContext.Current.CancellationToken);
}
