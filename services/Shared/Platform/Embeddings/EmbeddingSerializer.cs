using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Caching.Hybrid;

namespace Brownian.Platform.Embeddings;

/// <summary>Embeddings to and from bytes, without JSON's third more.</summary>
internal sealed class EmbeddingSerializer : IHybridCacheSerializer<CachedEmbedding>
{
    private const int Dimensions = 3;

    public CachedEmbedding Deserialize(ReadOnlySequence<byte> source)
    {
        byte[] bytes = source.ToArray();
        var shape = new int[Dimensions];
        for (int i = 0; i < Dimensions; i++)
        {
            shape[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(sizeof(int) * i));
        }
        return new CachedEmbedding(shape, bytes[(sizeof(int) * Dimensions)..]);
    }

    public void Serialize(CachedEmbedding value, IBufferWriter<byte> target)
    {
        foreach (int size in value.Shape)
        {
            BinaryPrimitives.WriteInt32LittleEndian(target.GetSpan(sizeof(int)), size);
            target.Advance(sizeof(int));
        }
        target.Write(value.Values);
    }
}
