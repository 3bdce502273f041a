using System.Text;

namespace Brownian.Requests.Prompts;

/// <summary>The definitions of space, word and number in AUTOMATIC1111's patterns, which differ slightly from .NET's character classes.</summary>
public static class PromptText
{
    /// <summary>Whether a character matches Python's <c>\s</c>: white space, and the four ASCII separators.</summary>
    public static bool IsSpace(char character) => char.IsWhiteSpace(character) || character is >= '\x1c' and <= '\x1f';

    /// <summary>Removes leading white space.</summary>
    public static string TrimStart(string text)
    {
        int start = 0;
        while (start < text.Length && IsSpace(text[start]))
        {
            start++;
        }
        return text[start..];
    }

    /// <summary>Removes trailing white space.</summary>
    public static string TrimEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
        {
            end--;
        }
        return text[..end];
    }

    /// <summary>Splits a text at a word, into at least one piece; occurrences inside a longer word are ignored.</summary>
    public static IReadOnlyList<string> SplitAtWord(string text, string word)
    {
        var pieces = new List<string>();
        int start = 0;
        int at = text.IndexOf(word, StringComparison.Ordinal);
        while (at >= 0)
        {
            int after = at + word.Length;
            if (!EndsInWord(text.AsSpan(0, at)) && !StartsWithWord(text.AsSpan(after)))
            {
                pieces.Add(text[start..at]);
                start = after;
            }
            at = text.IndexOf(word, after, StringComparison.Ordinal);
        }
        pieces.Add(text[start..]);
        return pieces;
    }

    /// <summary>Parses a whole text as a decimal number, with digits of any script, with or without a sign and a decimal point.</summary>
    /// <returns>False when it is not a number or is outside a double's range.</returns>
    public static bool TryReadWeight(string text, out double weight)
    {
        var ascii = new StringBuilder(text.Length);
        foreach (char character in text)
        {
            int digit = char.IsDigit(character) ? CharUnicodeInfo.GetDecimalDigitValue(character) : -1;
            if (digit < 0 && character is not ('+' or '-' or '.'))
            {
                weight = 0;
                return false;
            }
            ascii.Append(digit < 0 ? character : (char)('0' + digit));
        }
        return double.TryParse(
            ascii.ToString(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out weight)
            && double.IsFinite(weight);
    }

    private static bool EndsInWord(ReadOnlySpan<char> text)
    {
        Rune.DecodeLastFromUtf16(text, out Rune last, out int length);
        return length > 0 && IsWord(last);
    }

    private static bool StartsWithWord(ReadOnlySpan<char> text)
    {
        Rune.DecodeFromUtf16(text, out Rune first, out int length);
        return length > 0 && IsWord(first);
    }

    private static bool IsWord(Rune rune) => rune.Value == '_' || Rune.IsLetter(rune) || Rune.IsNumber(rune);
}
