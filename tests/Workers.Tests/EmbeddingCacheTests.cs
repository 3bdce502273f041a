using System.Collections.Concurrent;
using Brownian.Hosting;
using Brownian.Inference.Engines;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Workers.Tests;

/// <summary>What a process writes to the cache of embeddings that it shares with others.</summary>
public sealed class EmbeddingCacheTests : IDisposable
{
    private readonly Stubs _stubs = new();

    [Fact]
    public async Task An_embedding_is_stored_once_also_when_its_caller_leaves_and_that_is_no_error()
    {
        string model = _stubs.Add();
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var shared = new SharedCache(leaving);
        // Fails at its end when the process logged an error.
        await using Node node = await Node.StartAsync(
            platform =>
            {
                platform.Services.AddSingleton<IDistributedCache>(shared);
                Node.Everything(platform);
            },
            ServiceRole.Gateway,
            [.. _stubs.Settings(model), "Ephemeral=true"]);
        IEngines engines = node.Services.GetRequiredService<IEngines>();

        using EngineLease<ITextEncoder> encoder = await engines.TextEncoderAsync(model, null, TestContext.Current.CancellationToken);
        try
        {
            await encoder.Engine.EncodeAsync("a cat", leaving.Token);
        }
        catch (OperationCanceledException)
        {
            // Or the embedding is there before the caller has left.
        }
        await encoder.Engine.EncodeAsync("a cat", TestContext.Current.CancellationToken);
        await encoder.Engine.EncodeAsync("a dog", TestContext.Current.CancellationToken);

        Assert.Equal(2, shared.Stored);
    }

    public void Dispose() => _stubs.Dispose();

    /// <summary>A cache that its callers leave while it stores.</summary>
    private sealed class SharedCache(CancellationTokenSource leaving) : IDistributedCache
    {
        private readonly ConcurrentDictionary<string, byte[]> _entries = new();
        private int _stored;

        public int Stored => _stored;

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
        {
            Interlocked.Increment(ref _stored);
            leaving.Cancel();
            token.ThrowIfCancellationRequested();
            _entries[key] = value;
            return Task.CompletedTask;
        }

        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromResult(Get(key));

        public byte[]? Get(string key) => _entries.GetValueOrDefault(key);

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => SetAsync(key, value, options).GetAwaiter().GetResult();

        public void Refresh(string key)
        {
        }

        public Task RefreshAsync(string key, CancellationToken token = default) => Task.CompletedTask;

        public void Remove(string key) => _entries.TryRemove(key, out _);

        public Task RemoveAsync(string key, CancellationToken token = default)
        {
            Remove(key);
            return Task.CompletedTask;
        }
    }
}
