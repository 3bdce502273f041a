namespace Brownian.Platform.Embeddings;

/// <summary>An embedding as the cache has it.</summary>
/// <param name="Shape">[1, tokens, width].</param>
/// <param name="Values">Little-endian float32.</param>
internal sealed record CachedEmbedding(int[] Shape, byte[] Values);
