using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>The outputs of the encoders for a prompt.</summary>
/// <param name="Embedding">[1, tokens, width]; of two encoders concatenated along the width.</param>
/// <param name="Pooled">[1, width], of the last encoder; null when the model does not use it.</param>
/// <param name="Mask">[1, tokens], 1 for every token that is not padding; null when the model does not use it.</param>
public sealed record TextFeatures(Tensor Embedding, Tensor? Pooled, Tensor? Mask = null);
