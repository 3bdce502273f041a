namespace Brownian.Inference.Prompts;

/// <summary>As much of a prompt as a text encoder takes at once.</summary>
/// <param name="Ids">The encoder's whole window: start, text, end, padding. Owned by the record; not copied.</param>
/// <param name="Weights">One for each id; 1 for those that are not text. Owned likewise.</param>
/// <param name="TextLength">How many ids after the first are text.</param>
public sealed record PromptChunk(long[] Ids, float[] Weights, int TextLength);
