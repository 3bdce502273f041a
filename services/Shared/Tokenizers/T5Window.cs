namespace Brownian.Tokenizers;

/// <summary>A text's ids for a window of T5.</summary>
/// <param name="Ids">The ids, <c>[window]</c>.</param>
/// <param name="Tokens">The number of leading ids that are the text's and the end, for which the attention mask is 1.</param>
/// <param name="Cut">The text of the truncated ids, as far as normalisation preserved it; null when none were truncated.</param>
public sealed record T5Window(long[] Ids, int Tokens, string? Cut)
{
    /// <summary>
    /// The parts of the whole text that the vocabulary does not know, such as emoji or Chinese characters, and that all become one id; null when it
    /// knows everything.
    /// </summary>
    public string? Unknown { get; init; }
}
