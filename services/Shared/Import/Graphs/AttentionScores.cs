namespace Brownian.Import.Graphs;

/// <summary>What is done with the products of queries and keys before the softmax.</summary>
/// <param name="Scale">Their factor; null for <c>1/sqrt(head size)</c>.</param>
/// <param name="Bias">What is added, <c>[batch or 1, heads or 1, queries, keys]</c>; null for nothing.</param>
/// <param name="KeyMask">Which keys are attended to, <c>[batch, keys]</c>, truth values or numbers; null for all.</param>
/// <param name="MaskValue">What is added for the other keys.</param>
/// <param name="IsCausal">Whether a query attends only to keys up to its own position.</param>
public sealed record AttentionScores(
    float? Scale = null, Value? Bias = null, Value? KeyMask = null, float MaskValue = -10000, bool IsCausal = false);
