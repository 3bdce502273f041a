namespace Brownian.Requests.Prompts;

/// <summary>A piece of a prompt with its weight: the weight of attention, or that of a composed prompt.</summary>
/// <param name="Text">The piece, without the characters of the weight. May be empty.</param>
/// <param name="Weight">The weight; 1 has no effect. May be 0 or negative.</param>
/// <param name="IsBreak">Whether this is the word BREAK, which begins a new chunk, instead of text.</param>
public sealed record WeightedText(string Text, double Weight, bool IsBreak = false)
{
    /// <summary>The beginning of a new chunk.</summary>
    public static WeightedText Break { get; } = new("BREAK", 1, IsBreak: true);
}
