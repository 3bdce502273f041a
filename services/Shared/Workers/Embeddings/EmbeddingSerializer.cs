using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Caching.Hybrid;

namespace Brownian.Workers.Embeddings;

/// <summary>Serializes embeddings in binary form, without the overhead of a third that JSON has.</summary>
internal sealed class EmbeddingSerializer : IHybridCacheSerializer<CachedEmbedding>
{
    private const int Head = 4 * sizeof(int);

    public CachedEmbedding Deserialize(ReadOnlySequence<byte> source)
    {
        byte[] bytes = source.ToArray();
        return new CachedEmbedding(Size(0), Size(1), Size(2), Size(3) != 0, bytes[Head..]);

        int Size(int place) => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(sizeof(int) * place));
    }

    public void Serialize(CachedEmbedding value, IBufferWriter<byte> target)
    {
        foreach (int size in (ReadOnlySpan<int>)[value.Tokens, value.Width, value.PooledWidth, value.IsMasked ? 1 : 0])
        {
            BinaryPrimitives.WriteInt32LittleEndian(target.GetSpan(sizeof(int)), size);
            target.Advance(sizeof(int));
        }
        target.Write(value.Values);
    }
}
