using Brownian.Jobs.Artifacts;

namespace Brownian.Testing.Contracts;

/// <summary>The behaviour of every store of files.</summary>
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
    public async Task A_stored_value_is_returned_unchanged()
    {
        byte[] file = [137, 80, 78, 71, 13, 10, 26, 10, 0, 255];
        await _store!.PutAsync("0123-0", file, null, Cancelled);
        await _store.PutAsync("empty", ReadOnlyMemory<byte>.Empty, null, Cancelled);
        Assert.Equal(file, await _store.GetAsync("0123-0", Cancelled));
        Assert.Empty((await _store.GetAsync("empty", Cancelled))!);
        Assert.Null(await _store.GetAsync("0123-1", Cancelled));
    }

    [Fact]
    public async Task A_file_stored_again_under_its_id_replaces_the_first()
    {
        await _store!.PutAsync("a-0", new byte[] { 1, 2 }, null, Cancelled);
        await _store.PutAsync("a-0", new byte[] { 3 }, null, Cancelled);
        Assert.Equal([3], await _store.GetAsync("a-0", Cancelled));
        await _store.PutAsync("a-0", new byte[] { 4 }, TimeSpan.FromMinutes(1), Cancelled);
        Assert.Equal([4], await _store.GetAsync("a-0", Cancelled));
    }

    [Fact]
    public async Task Only_the_removed_values_are_deleted()
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
    public async Task A_file_with_a_lifetime_expires()
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

    [Fact]
    public async Task A_touched_file_expires_after_the_new_lifetime_and_never_earlier_than_before()
    {
        TimeSpan lifetime = TimeSpan.FromMilliseconds(200);
        await _store!.PutAsync("touched", new byte[] { 1 }, lifetime, Cancelled);
        await _store.PutAsync("longer", new byte[] { 2 }, TimeSpan.FromMinutes(1), Cancelled);
        await _store.PutAsync("lasting", new byte[] { 3 }, null, Cancelled);
        Assert.True(await _store.TouchAsync("touched", TimeSpan.FromMinutes(1), Cancelled));
        Assert.True(await _store.TouchAsync("longer", lifetime, Cancelled));
        Assert.True(await _store.TouchAsync("lasting", lifetime, Cancelled));
        await PassAsync(lifetime);
        Assert.Equal([1], await _store.GetAsync("touched", Cancelled));
        Assert.Equal([2], await _store.GetAsync("longer", Cancelled));
        Assert.Equal([3], await _store.GetAsync("lasting", Cancelled));
    }

    [Fact]
    public async Task An_expired_or_removed_file_cannot_be_touched()
    {
        TimeSpan lifetime = TimeSpan.FromMilliseconds(100);
        await _store!.PutAsync("dead", new byte[] { 1 }, lifetime, Cancelled);
        await _store.PutAsync("removed", new byte[] { 1 }, TimeSpan.FromMinutes(1), Cancelled);
        await _store.RemoveAsync("removed", Cancelled);
        await PassAsync(lifetime);
        foreach (string id in (string[])["dead", "removed", "unknown"])
        {
            Assert.False(await _store.TouchAsync(id, TimeSpan.FromMinutes(1), Cancelled));
            Assert.Null(await _store.GetAsync(id, Cancelled));
        }
    }

    [Fact]
    public async Task Concurrent_writes_reads_and_touches_of_one_file_never_return_a_part_of_it()
    {
        byte[][] files = [.. Enumerable.Range(0, 16).Select(writer => Enumerable.Repeat((byte)writer, 100_000 + writer).ToArray())];
        await _store!.PutAsync("one", files[0], TimeSpan.FromMinutes(1), Cancelled);
        await Task.WhenAll(files.Select(file => Task.Run(async () =>
        {
            for (int round = 0; round < 10; round++)
            {
                await _store.PutAsync("one", file, TimeSpan.FromMinutes(1), Cancelled);
                Assert.True(await _store.TouchAsync("one", TimeSpan.FromMinutes(2), Cancelled));
                byte[] found = (await _store.GetAsync("one", Cancelled))!;
                Assert.Equal(files[found[0]], found);
            }
        })));
    }

    [Fact]
    public async Task A_file_touched_just_before_it_expires_is_not_removed_by_another_caller()
    {
        TimeSpan lifetime = TimeSpan.FromMilliseconds(40);
        for (int round = 0; round < 20; round++)
        {
            string id = $"mortal-{round}";
            await _store!.PutAsync(id, new byte[] { 1 }, lifetime, Cancelled);
            using var stop = new CancellationTokenSource();
            // Other callers store files, which removes the expired ones.
            Task[] storing = [.. Enumerable.Range(0, 4).Select(other => Task.Run(async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    await _store.PutAsync($"other-{other}", new byte[] { 2 }, TimeSpan.FromMinutes(1), Cancelled);
                }
            }))];
            await PassAsync(lifetime / 2);
            bool touched = await _store.TouchAsync(id, TimeSpan.FromMinutes(1), Cancelled);
            await PassAsync(lifetime / 8);
            await stop.CancelAsync();
            await Task.WhenAll(storing);
            Assert.Equal(touched, await _store.GetAsync(id, Cancelled) is not null);
        }
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
