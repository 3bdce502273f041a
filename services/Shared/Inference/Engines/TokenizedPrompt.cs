using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>The input of the text encoders for a prompt.</summary>
/// <param name="Ids">For each encoder as many ids as its window, once per chunk.</param>
/// <param name="Cut">The text of the tokens beyond the window, which were left out; null when all fit.</param>
/// <param name="ClipSkip">See <see cref="TextPrompt.ClipSkip"/>.</param>
public sealed record TokenizedPrompt(IReadOnlyList<long[]> Ids, string? Cut, int ClipSkip)
{
    /// <summary>The number of windows that each encoder's ids fill.</summary>
    public int Chunks { get; init; } = 1;

    /// <summary>For each encoder the number of its ids that are not padding; empty when the caller does not need it.</summary>
    public IReadOnlyList<int> Tokens { get; init; } = [];

    /// <summary>The characters that T5's vocabulary does not know, which have no effect; null for none.</summary>
    public string? Unknown { get; init; }

    /// <summary>T5's window; null without one.</summary>
    public int? Window { get; init; }

    /// <summary>For each encoder the weight of each id; null when all are 1.</summary>
    public IReadOnlyList<float[]>? Weights { get; init; }
}
