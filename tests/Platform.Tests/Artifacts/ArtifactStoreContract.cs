using Brownian.Platform.Artifacts;

namespace Brownian.Platform.Tests.Artifacts;

/// <summary>What holds for every store of files.</summary>
public abstract class ArtifactStoreContract : IAsyncLifetime
{
    private IArtifactStore? _store;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _store = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task What_is_stored_comes_back()
    {
        byte[] file = [137, 80, 78, 71, 13, 10, 26, 10, 0, 255];
        await _store!.PutAsync("0123-0", file, null, Cancelled);
        await _store.PutAsync("empty", ReadOnlyMemory<byte>.Empty, null, Cancelled);
        Assert.Equal(file, await _store.GetAsync("0123-0", Cancelled));
        Assert.Empty((await _store.GetAsync("empty", Cancelled))!);
        Assert.Null(await _store.GetAsync("0123-1", Cancelled));
    }

    [Fact]
    public async Task The_same_id_again_replaces_the_file()
    {
        await _store!.PutAsync("a-0", new byte[] { 1, 2 }, null, Cancelled);
        await _store.PutAsync("a-0", new byte[] { 3 }, null, Cancelled);
        Assert.Equal([3], await _store.GetAsync("a-0", Cancelled));
        await _store.PutAsync("a-0", new byte[] { 4 }, TimeSpan.FromMinutes(1), Cancelled);
        Assert.Equal([4], await _store.GetAsync("a-0", Cancelled));
    }

    [Fact]
    public async Task What_is_removed_is_gone_and_nothing_else()
    {
        await _store!.PutAsync("a-0", new byte[] { 1 }, null, Cancelled);
        await _store.PutAsync("a-1", new byte[] { 2 }, TimeSpan.FromMinutes(1), Cancelled);
        await _store.PutAsync("a-2", new byte[] { 3 }, null, Cancelled);
        foreach (string id in (string[])["a-0", "a-0", "a-1", "unknown"])
        {
            await _store.RemoveAsync(id, Cancelled);
        }
        Assert.Null(await _store.GetAsync("a-0", Cancelled));
        Assert.Null(await _store.GetAsync("a-1", Cancelled));
        Assert.Equal([3], await _store.GetAsync("a-2", Cancelled));
    }

    [Fact]
    public async Task A_file_with_a_lifetime_dies()
    {
        TimeSpan lifetime = TimeSpan.FromMilliseconds(100);
        await _store!.PutAsync("mortal", new byte[] { 1 }, lifetime, Cancelled);
        await _store.PutAsync("living", new byte[] { 2 }, TimeSpan.FromMinutes(1), Cancelled);
        await _store.PutAsync("lasting", new byte[] { 3 }, null, Cancelled);
        await PassAsync(lifetime);
        Assert.Null(await _store.GetAsync("mortal", Cancelled));
        Assert.Equal([2], await _store.GetAsync("living", Cancelled));
        Assert.Equal([3], await _store.GetAsync("lasting", Cancelled));
    }

    private protected abstract Task<IArtifactStore> OpenAsync();

    private protected virtual ValueTask CloseAsync() => ValueTask.CompletedTask;

    /// <summary>Waits by the store's clock.</summary>
    private protected virtual async Task PassAsync(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time * 2);
        await timer.WaitForNextTickAsync(Cancelled);
    }
}
