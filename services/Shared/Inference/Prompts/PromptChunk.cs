namespace Brownian.Inference.Prompts;

/// <summary>A part of a prompt that fits a text encoder's window.</summary>
/// <param name="Ids">The encoder's whole window: start, text, end, padding. Owned by the record and not copied.</param>
/// <param name="Weights">One weight per id; 1 for ids that are not text. Owned by the record and not copied.</param>
/// <param name="TextLength">The number of ids after the first that are text.</param>
public sealed record PromptChunk(long[] Ids, float[] Weights, int TextLength);
