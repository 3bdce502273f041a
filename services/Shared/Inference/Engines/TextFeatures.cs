using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>What the encoders made of a prompt.</summary>
/// <param name="Embedding">[1, tokens, width]: of two encoders side by side.</param>
/// <param name="Pooled">[1, width], of the last encoder; null where the model has no use for it.</param>
/// <param name="Mask">[1, tokens], 1 for every token that is no padding; null where the model has no use for it.</param>
public sealed record TextFeatures(Tensor Embedding, Tensor? Pooled, Tensor? Mask = null);
