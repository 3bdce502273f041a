using System.Runtime.InteropServices;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;

namespace Brownian.Workers.Embeddings;

/// <summary>An embedding in the form that is cached.</summary>
/// <param name="Tokens">The number of tokens.</param>
/// <param name="Width">The size of each token's vector.</param>
/// <param name="PooledWidth">The size of the pooled embedding; 0 for none.</param>
/// <param name="IsMasked">Whether there is a mask.</param>
/// <param name="Values">Little-endian float32 values: the tokens' vectors, then the pooled embedding, then the mask.</param>
internal sealed record CachedEmbedding(int Tokens, int Width, int PooledWidth, bool IsMasked, byte[] Values)
{
    public static CachedEmbedding From(TextFeatures features) => new(
        features.Embedding.Shape[1],
        features.Embedding.Shape[2],
        features.Pooled?.Shape[1] ?? 0,
        features.Mask is not null,
        [
            .. MemoryMarshal.AsBytes(features.Embedding.Values.AsSpan()),
            .. MemoryMarshal.AsBytes((features.Pooled?.Values ?? []).AsSpan()),
            .. MemoryMarshal.AsBytes((features.Mask?.Values ?? []).AsSpan()),
        ]);

    public TextFeatures ToFeatures()
    {
        ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(Values);
        int length = Tokens * Width;
        return new TextFeatures(
            new Tensor(values[..length].ToArray(), [1, Tokens, Width]),
            PooledWidth == 0 ? null : new Tensor(values.Slice(length, PooledWidth).ToArray(), [1, PooledWidth]),
            IsMasked ? new Tensor(values[(length + PooledWidth)..].ToArray(), [1, Tokens]) : null);
    }
}
