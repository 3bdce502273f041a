using Brownian.Jobs.Artifacts;
using Brownian.Jobs.InProcess;

namespace Brownian.Jobs.Tests.Artifacts;

public sealed class FolderArtifactStoreTests : ArtifactStoreContract
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Abandoned_partial_files_are_removed_and_recent_ones_stay()
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        string[] folders = [_folder.Combine("mortal"), _folder.Combine("ab")];
        var old = new List<string>();
        var fresh = new List<string>();
        foreach (string folder in folders)
        {
            Directory.CreateDirectory(folder);
            old.Add(Path.Combine(folder, "dead.0123.part"));
            fresh.Add(Path.Combine(folder, "written.0123.part"));
            await File.WriteAllTextAsync(old[^1], "part", cancelled);
            await File.WriteAllTextAsync(fresh[^1], "part", cancelled);
            // Where a file's creation time cannot be set, that of its last write counts.
            File.SetCreationTimeUtc(old[^1], DateTime.UtcNow - AtomicFile.Abandoned - TimeSpan.FromMinutes(1));
        }
        await new FolderArtifactStore(_folder.FullPath, TimeProvider.System).PutAsync("new", new byte[] { 1 }, TimeSpan.FromMinutes(1), cancelled);
        Assert.All(old, file => Assert.False(File.Exists(file), file));
        Assert.All(fresh, file => Assert.True(File.Exists(file), file));
    }

    [Fact]
    public async Task A_failed_write_leaves_no_file()
    {
        var store = new FolderArtifactStore(_folder.FullPath, TimeProvider.System);
        // A folder of the file's name, which a file cannot replace.
        Directory.CreateDirectory(_folder.Combine("mortal/taken/inside"));
        PlatformUnavailableException refused = await Assert.ThrowsAsync<PlatformUnavailableException>(
            () => store.PutAsync("taken", new byte[] { 1 }, TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken));
        Assert.Contains(_folder.FullPath, refused.Details, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.FullPath, refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.FullPath, "*", SearchOption.AllDirectories));
    }

    private protected override Task<IArtifactStore> OpenAsync() =>
        Task.FromResult<IArtifactStore>(new FolderArtifactStore(_folder.FullPath, TimeProvider.System));

    private protected override ValueTask CloseAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
