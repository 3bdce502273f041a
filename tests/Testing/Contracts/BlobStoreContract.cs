using Brownian.Jobs.Blobs;
using Brownian.Models.Stages;

namespace Brownian.Testing.Contracts;

/// <summary>The behaviour of every store of tensors.</summary>
public abstract class BlobStoreContract : IAsyncLifetime
{
    private IBlobStore? _store;

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
        var value = new StageValue(StageDtype.Float32, [2, 1], new byte[] { 0, 0, 128, 63, 13, 10, 0, 255 });
        BlobRef reference = await _store!.PutAsync("job", "denoise.latents.0.1", value, Cancelled);
        Assert.Equal(("denoise.latents.0.1", StageDtype.Float32, 8), (reference.Key, reference.Dtype, reference.Length));
        StageValue found = (await _store.GetAsync("job", reference, Cancelled))!;
        Assert.Equal(StageDtype.Float32, found.Dtype);
        Assert.Equal([2, 1], found.Shape);
        Assert.Equal(value.Bytes.ToArray(), found.Bytes.ToArray());
        Assert.Null(await _store.GetAsync("another job", reference, Cancelled));
        Assert.Null(await _store.GetAsync("job", reference with { Key = "other" }, Cancelled));
    }

    [Fact]
    public async Task A_value_stored_again_under_its_key_replaces_the_first()
    {
        BlobRef first = await PutAsync("job", "key", 1);
        BlobRef second = await PutAsync("job", "key", 2, 3);
        Assert.Null(await _store!.GetAsync("job", first, Cancelled));
        Assert.Equal([2, 3], (await _store.GetAsync("job", second, Cancelled))!.Bytes.ToArray());
    }

    [Fact]
    public async Task Only_the_removed_values_are_deleted()
    {
        BlobRef first = await PutAsync("job", "first", 1), second = await PutAsync("job", "second", 2), other = await PutAsync("other", "first", 3);
        await _store!.RemoveAsync("job", ["first", "unknown"], Cancelled);
        await _store.RemoveAsync("job", [], Cancelled);
        await _store.RemoveAsync("unknown", ["first"], Cancelled);
        Assert.Null(await _store.GetAsync("job", first, Cancelled));
        Assert.NotNull(await _store.GetAsync("job", second, Cancelled));
        await _store.RemoveAsync("job", Cancelled);
        await _store.RemoveAsync("job", Cancelled);
        Assert.Null(await _store.GetAsync("job", second, Cancelled));
        Assert.NotNull(await _store.GetAsync("other", other, Cancelled));
        await _store.RemoveAsync("other", Cancelled);
        await NothingIsLeftAsync();
    }

    [Fact]
    public async Task A_value_whose_bytes_changed_is_not_returned()
    {
        BlobRef reference = await PutAsync("job", "key", 1, 2, 3);
        foreach (byte[] damaged in (byte[][])[[1, 2, 4], [1, 2], [1, 2, 3, 0], []])
        {
            await DamageAsync("job", reference, damaged);
            Assert.Null(await _store!.GetAsync("job", reference, Cancelled));
        }
        await DamageAsync("job", reference, [1, 2, 3]);
        Assert.NotNull(await _store!.GetAsync("job", reference, Cancelled));
    }

    [Fact]
    public async Task A_large_value_is_returned_unchanged()
    {
        byte[] bytes = new byte[12_000_000];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(i * 31);
        }
        BlobRef reference = await PutAsync("job", "key", bytes);
        Assert.True((await _store!.GetAsync("job", reference, Cancelled))!.Bytes.Span.SequenceEqual(bytes));
    }

    private protected abstract Task<IBlobStore> OpenAsync();

    private protected virtual ValueTask CloseAsync() => ValueTask.CompletedTask;

    private protected virtual Task NothingIsLeftAsync() => Task.CompletedTask;

    /// <summary>Changes the bytes of a value without the store.</summary>
    private protected virtual Task DamageAsync(string job, BlobRef reference, byte[] bytes) => PutAsync(job, reference.Key, bytes);

    private Task<BlobRef> PutAsync(string job, string key, params byte[] bytes) => _store!.PutAsync(job, key, StageValue.From(bytes), Cancelled);
}
