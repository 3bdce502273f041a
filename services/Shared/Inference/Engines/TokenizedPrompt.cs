namespace Brownian.Inference.Engines;

/// <summary>What the encoders are given for a prompt.</summary>
/// <param name="Ids">For each encoder as many ids as its window.</param>
/// <param name="Cut">The text of the tokens beyond the window, which were left out; null where all fitted.</param>
/// <param name="ClipSkip">As of <see cref="TextPrompt.ClipSkip"/>.</param>
public sealed record TokenizedPrompt(IReadOnlyList<long[]> Ids, string? Cut, int ClipSkip);
