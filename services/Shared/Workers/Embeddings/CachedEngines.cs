using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Brownian.Inference.Engines;
using Brownian.Jobs;
using Brownian.Jobs.Embeddings;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Plans;
using Brownian.Requests.References;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers.Embeddings;

/// <summary>
/// The engines of this process, with a cache in front of the text encoders: first in the process, then the shared cache. Simultaneous misses of one
/// prompt compute it once, across threads and processes. An unreachable cache is no failure: the encoder runs.
/// </summary>
/// <param name="engines">The engines.</param>
/// <param name="cache">Both levels of the cache.</param>
/// <param name="locks">Locks across processes.</param>
/// <param name="settings">How long embeddings are kept.</param>
/// <param name="telemetry">Counts hits.</param>
/// <param name="logger">Logs that the cache is unreachable.</param>
public sealed class CachedEngines(
    LocalEngines engines, HybridCache cache, IEncodingLock locks, EmbeddingCacheSettings settings, PlatformTelemetry telemetry,
    ILogger<CachedEngines> logger) : IEngines
{
    private readonly LocalEncodingLock _noLock = new();
    private readonly HybridCacheEntryOptions _options = new() { Expiration = settings.Lifetime, LocalCacheExpiration = settings.LocalLifetime };
    // What was computed is stored under the lock, and not once more without it.
    private readonly HybridCacheEntryOptions _storedByMaker = new()
    {
        Expiration = settings.Lifetime,
        LocalCacheExpiration = settings.LocalLifetime,
        Flags = HybridCacheEntryFlags.DisableDistributedCacheWrite,
    };
    private readonly HybridCacheEntryOptions _readOnly = new()
    {
        Expiration = settings.Lifetime,
        LocalCacheExpiration = settings.LocalLifetime,
        Flags = HybridCacheEntryFlags.DisableUnderlyingData | HybridCacheEntryFlags.DisableLocalCacheRead,
    };

    /// <inheritdoc/>
    public async Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        string model, string? fingerprint, AdapterReferences? adapters, CancellationToken cancellationToken)
    {
        EngineLease<ITextEncoder> lease = await engines.TextEncoderAsync(model, fingerprint, adapters, cancellationToken).ConfigureAwait(false);
        string own = await engines.FingerprintAsync(model).ConfigureAwait(false);
        return new EngineLease<ITextEncoder>(new Encoder(this, (ILocalTextEncoder)lease.Engine, model, own), lease.Dispose);
    }

    /// <inheritdoc/>
    public Task<EngineLease<IDenoiser>> DenoiserAsync(
        string model, string? fingerprint, string? part, AdapterReferences? adapters, IReadOnlyCollection<ControlNetReference> controlNets,
        CancellationToken cancellationToken) =>
        engines.DenoiserAsync(model, fingerprint, part, adapters, controlNets, cancellationToken);

    /// <inheritdoc/>
    public Task<EngineLease<IImageEncoder>> ImageEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.ImageEncoderAsync(model, fingerprint, cancellationToken);

    /// <inheritdoc/>
    public Task<EngineLease<ITextProjection>> TextProjectionAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.TextProjectionAsync(model, fingerprint, cancellationToken);

    /// <inheritdoc/>
    public Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.VaeDecoderAsync(model, fingerprint, cancellationToken);

    /// <inheritdoc/>
    public Task<EngineLease<IVaeDecoder>> PreviewDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.PreviewDecoderAsync(model, fingerprint, cancellationToken);

    /// <inheritdoc/>
    public Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.VaeEncoderAsync(model, fingerprint, cancellationToken);

    /// <inheritdoc/>
    public Task<EngineLease<IImageUpscaler>> ImageUpscalerAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        engines.ImageUpscalerAsync(model, fingerprint, cancellationToken);

    /// <summary>The cache key, which contains everything that determines an embedding: the files that run, their device and their inputs.</summary>
    private string Key(string fingerprint, string adapters, TokenizedPrompt prompt)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (long[] ids in prompt.Ids)
        {
            hash.AppendData(MemoryMarshal.AsBytes(ids.AsSpan()));
        }
        hash.AppendData(MemoryMarshal.AsBytes(prompt.Tokens.Append(prompt.Window ?? 0).ToArray().AsSpan()));
        foreach (float[] weights in prompt.Weights ?? [])
        {
            hash.AppendData(MemoryMarshal.AsBytes(weights.AsSpan()));
        }
        string device = engines.Settings.Device.Provider;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"embedding3:{fingerprint}:text_encoder{adapters}:{device}:{prompt.ClipSkip}:{prompt.Chunks}:"
                + $"{Convert.ToHexStringLower(hash.GetHashAndReset())}");
    }

    private async Task<TextFeatures> EncodeAsync(
        ILocalTextEncoder encoder, string model, string fingerprint, TokenizedPrompt prompt, CancellationToken cancellationToken)
    {
        string key = Key(fingerprint, encoder.Adapters, prompt);
        bool computed = false;
        CachedEmbedding embedding = await cache.GetOrCreateAsync(
            key,
            async token =>
            {
                await using IEncodingLease held = await LockAsync(key, token).ConfigureAwait(false);
                if (held.Waited && await FindCachedAsync(key, token).ConfigureAwait(false) is { } cached)
                {
                    return cached;
                }
                TextFeatures features = await encoder.EncodeAsync(prompt, token).ConfigureAwait(false);
                computed = true;
                CachedEmbedding made = CachedEmbedding.From(features);
                // Stored before the lock is released, because a process that waited for the lock reads the cache next; also for a caller that left.
                await cache.SetAsync(key, made, _options, cancellationToken: CancellationToken.None).ConfigureAwait(false);
                return made;
            },
            _storedByMaker,
            cancellationToken: cancellationToken).ConfigureAwait(false);
        telemetry.Embedded(model, !computed);
        return embedding.ToFeatures();
    }

    private async Task<IEncodingLease> LockAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return await locks.AcquireAsync(key, cancellationToken).ConfigureAwait(false);
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.Unavailable(logger, "the embedding cache", exception.Details);
            return await _noLock.AcquireAsync(key, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<CachedEmbedding?> FindCachedAsync(string key, CancellationToken cancellationToken) =>
        await cache.GetOrCreateAsync(key, static _ => ValueTask.FromResult<CachedEmbedding?>(null), _readOnly, cancellationToken: cancellationToken)
            .ConfigureAwait(false);

    private sealed class Encoder(CachedEngines owner, ILocalTextEncoder encoder, string model, string fingerprint) : ITextEncoder
    {
        public async Task<TextEncoding> EncodeAsync(TextPrompt prompt, CancellationToken cancellationToken)
        {
            TokenizedPrompt tokenized = encoder.Tokenize(prompt);
            return new TextEncoding(
                await owner.EncodeAsync(encoder, model, fingerprint, tokenized, cancellationToken).ConfigureAwait(false), tokenized);
        }
    }
}
