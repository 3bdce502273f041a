using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>What the encoders are given for a prompt.</summary>
/// <param name="Ids">For each encoder as many ids as its window, once a chunk.</param>
/// <param name="Cut">The text of the tokens beyond the window, which were left out; null where all fitted.</param>
/// <param name="ClipSkip">As of <see cref="TextPrompt.ClipSkip"/>.</param>
public sealed record TokenizedPrompt(IReadOnlyList<long[]> Ids, string? Cut, int ClipSkip)
{
    /// <summary>How many windows each encoder's ids fill.</summary>
    public int Chunks { get; init; } = 1;

    /// <summary>For each encoder how many of its ids are no padding; empty where the caller does not ask for it.</summary>
    public IReadOnlyList<int> Tokens { get; init; } = [];

    /// <summary>T5's window; null without one.</summary>
    public int? Window { get; init; }

    /// <summary>For each encoder the weight of each id; null where all are 1.</summary>
    public IReadOnlyList<float[]>? Weights { get; init; }
}
