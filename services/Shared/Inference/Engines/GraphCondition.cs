using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>A further input of a denoiser's graph: noise levels, masks, embeddings of images.</summary>
/// <param name="Input">The input's name: <c>class_labels</c>, <c>attention_mask</c> or <c>proj_embedding</c>.</param>
/// <param name="Value">[1, ...], with the shape of the graph's input except for the batch; booleans and integers as 0, 1, 2, ...</param>
/// <param name="Negative">The value for the unconditional pass; null for the same value.</param>
public sealed record GraphCondition(string Input, Tensor Value, Tensor? Negative = null);
