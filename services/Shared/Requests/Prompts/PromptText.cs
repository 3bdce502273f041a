using System.Text;

namespace Brownian.Requests.Prompts;

/// <summary>What AUTOMATIC1111's patterns call a space, a word and a number, which .NET's own classes draw a little differently.</summary>
public static class PromptText
{
    /// <summary>Python's <c>\s</c>: white space, and the four separators of ASCII.</summary>
    public static bool IsSpace(char character) => char.IsWhiteSpace(character) || character is >= '\x1c' and <= '\x1f';

    /// <summary>A text without the white space that it begins with.</summary>
    public static string TrimStart(string text)
    {
        int start = 0;
        while (start < text.Length && IsSpace(text[start]))
        {
            start++;
        }
        return text[start..];
    }

    /// <summary>A text without the white space that it ends in.</summary>
    public static string TrimEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
        {
            end--;
        }
        return text[..end];
    }

    /// <summary>The text between a word's occurrences, at least one piece; inside a longer word it does not count.</summary>
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

    /// <summary>Reads a whole text as a decimal number, of any script's digits, with or without a sign and a point.</summary>
    /// <returns>False where it is none, or is beyond a double's range.</returns>
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
