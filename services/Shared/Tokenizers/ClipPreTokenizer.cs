using System.Text;

namespace Brownian.Tokenizers;

/// <summary>
/// Splits normalised text like CLIP's pattern, by whole Unicode characters; .NET's regular expressions would treat characters above U+FFFF as two:
/// <c>'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+</c>.
/// </summary>
internal static class ClipPreTokenizer
{
    private static readonly string[] Contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    // If the text contains the spelling of a special token that is not one, the pattern matches it as a whole and the byte-level step splits it in
    // three.
    private static readonly (string Text, string[] Words)[] Spelled =
    [
        ("<|startoftext|>", ["<|", "startoftext", "|>"]),
        ("<|endoftext|>", ["<|", "endoftext", "|>"]),
    ];

    public static IEnumerable<string> Split(string text)
    {
        int position = 0;
        while (position < text.Length)
        {
            if (SpelledAt(text, position) is { } spelled)
            {
                foreach (string word in spelled.Words)
                {
                    yield return word;
                }
                position += spelled.Text.Length;
                continue;
            }
            int length = ContractionAt(text, position);
            Kind kind = KindAt(text, position, out int first);
            if (length == 0)
            {
                length = first;
                if (kind is Kind.Letter or Kind.Other)
                {
                    while (position + length < text.Length && KindAt(text, position + length, out int next) == kind)
                    {
                        length += next;
                    }
                }
            }
            if (kind != Kind.Space)
            {
                yield return text.Substring(position, length);
            }
            position += length;
        }
    }

    private enum Kind
    {
        Space,
        Letter,
        Number,
        Other,
    }

    private static (string Text, string[] Words)? SpelledAt(string text, int position)
    {
        foreach ((string Text, string[] Words) spelled in Spelled)
        {
            if (string.CompareOrdinal(text, position, spelled.Text, 0, spelled.Text.Length) == 0)
            {
                return spelled;
            }
        }
        return null;
    }

    private static int ContractionAt(string text, int position)
    {
        foreach (string contraction in Contractions)
        {
            if (string.CompareOrdinal(text, position, contraction, 0, contraction.Length) == 0)
            {
                return contraction.Length;
            }
        }
        return 0;
    }

    private static Kind KindAt(string text, int position, out int length)
    {
        Rune rune = Rune.GetRuneAt(text, position);
        length = rune.Utf16SequenceLength;
        if (Rune.IsWhiteSpace(rune))
        {
            return Kind.Space;
        }
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }
}
