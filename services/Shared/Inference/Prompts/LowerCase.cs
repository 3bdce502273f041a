using System.Text;

namespace Brownian.Inference.Prompts;

/// <summary>
/// Converts text to lower case by the full mapping of Unicode (SpecialCasing.txt without languages), as Python's <c>str.lower</c> does. The prompts
/// of DeepFloyd IF are converted like this (<c>_text_preprocessing</c> of the reference without <c>clean_caption</c>).
/// </summary>
public static class LowerCase
{
    private const char DottedI = '\u0130', Sigma = '\u03a3', SmallFinalSigma = '\u03c2';

    /// <summary>Returns the text in lower case.</summary>
    public static string Of(string text)
    {
        var lower = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == DottedI)
            {
                lower.Append("i\u0307");
            }
            else if (text[i] == Sigma && IsLast(text, i))
            {
                lower.Append(SmallFinalSigma);
            }
            else if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                lower.Append(Rune.ToLowerInvariant(new Rune(text[i], text[++i])).ToString());
            }
            else
            {
                lower.Append(char.ToLowerInvariant(text[i]));
            }
        }
        return lower.ToString();
    }

    /// <summary>Returns whether a letter precedes the position and none follows it, skipping ignorable characters.</summary>
    private static bool IsLast(string text, int place)
    {
        int before = place - 1, after = place + 1;
        while (before >= 0 && IsIgnorable(text[before]))
        {
            before--;
        }
        while (after < text.Length && IsIgnorable(text[after]))
        {
            after++;
        }
        return before >= 0 && IsCased(text[before]) && !(after < text.Length && IsCased(text[after]));
    }

    private static bool IsCased(char letter) =>
        char.IsUpper(letter) || char.IsLower(letter) || char.GetUnicodeCategory(letter) == UnicodeCategory.TitlecaseLetter;

    private static bool IsIgnorable(char letter) =>
        letter is '\'' or '.' or ':' or '^' or '`' or '\u00ad' or '\u00b7' or '\u2019'
        || char.GetUnicodeCategory(letter) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;
}
