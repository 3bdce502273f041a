namespace Brownian.Requests.Prompts;

/// <summary>A piece of a prompt with its weight: of attention, or of a prompt among those that are composed.</summary>
/// <param name="Text">The piece, without the characters that gave the weight. May be empty.</param>
/// <param name="Weight">1 changes nothing. May be 0 or negative.</param>
/// <param name="IsBreak">Whether this is no text but the word BREAK, which begins a new chunk.</param>
public sealed record WeightedText(string Text, double Weight, bool IsBreak = false)
{
    /// <summary>Begins a new chunk.</summary>
    public static WeightedText Break { get; } = new("BREAK", 1, IsBreak: true);
}
