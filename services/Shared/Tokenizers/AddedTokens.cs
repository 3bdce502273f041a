using System.Buffers;

namespace Brownian.Tokenizers;

/// <summary>Finds tokens in a text before it is split into pieces: the leftmost first, and the longest of those at one position.</summary>
internal sealed class AddedTokens
{
    private readonly (string Content, int Id)[] _longestFirst;
    private readonly SearchValues<string> _contents;

    /// <param name="tokens">The tokens' texts, not empty, and ids.</param>
    public AddedTokens(IEnumerable<(string Content, int Id)> tokens)
    {
        _longestFirst = [.. tokens.OrderByDescending(token => token.Content.Length)];
        _contents = SearchValues.Create([.. _longestFirst.Select(token => token.Content)], StringComparison.Ordinal);
    }

    /// <summary>Splits a text at its tokens, in time linear in its length.</summary>
    /// <returns>Tokens with their ids, and the sections between them without ids.</returns>
    public IEnumerable<(string Text, int? Id)> Cut(string text)
    {
        for (int start = 0; start < text.Length;)
        {
            int length = text.AsSpan(start).IndexOfAny(_contents);
            if (length != 0)
            {
                yield return (length < 0 ? text[start..] : text.Substring(start, length), null);
            }
            if (length < 0)
            {
                yield break;
            }
            start += length;
            (string content, int id) =
                Array.Find(_longestFirst, token => string.CompareOrdinal(text, start, token.Content, 0, token.Content.Length) == 0);
            yield return (content, id);
            start += content.Length;
        }
    }
}
