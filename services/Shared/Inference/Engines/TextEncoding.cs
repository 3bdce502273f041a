using Brownian.Inference.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>An encoded prompt.</summary>
/// <param name="Embedding">[1, tokens, width].</param>
/// <param name="TokenIds">What the encoder was given, as many as its window.</param>
/// <param name="Cut">The text of the tokens beyond the window, which were left out; null where all fitted.</param>
public sealed record TextEncoding(Tensor Embedding, IReadOnlyList<long> TokenIds, string? Cut);
