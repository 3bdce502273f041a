using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>What a denoiser's graph takes beside the usual inputs: noise levels, masks, embeddings of images.</summary>
/// <param name="Input">The input's name: <c>class_labels</c>, <c>attention_mask</c> or <c>proj_embedding</c>.</param>
/// <param name="Value">[1, ...], as the graph has it but for the batch; truth values and whole numbers as 0, 1, 2, ...</param>
/// <param name="Negative">The same for the pass without the prompt; null for an equal one.</param>
public sealed record GraphCondition(string Input, Tensor Value, Tensor? Negative = null);
