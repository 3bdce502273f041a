using System.Text;

namespace Brownian.Tokenizers;

/// <summary>Converts text to Unicode's composed form, NFC.</summary>
internal static class UnicodeForm
{
    private const char Refused = '\uFFFE';

    // Without the ICU library the runtime returns text unchanged, which would silently produce other ids.
    private static readonly bool Composes = "e\u0301".Normalize(NormalizationForm.FormC).Length == 1;

    /// <summary>Returns the text in NFC.</summary>
    /// <exception cref="PlatformNotSupportedException">The text has non-ASCII characters and the runtime has no Unicode data.</exception>
    public static string Compose(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text;
        }
        if (!Composes)
        {
            throw new PlatformNotSupportedException(
                "This .NET runtime runs without Unicode data, which prompts beyond ASCII need: install libicu, or "
                    + "unset DOTNET_SYSTEM_GLOBALIZATION_INVARIANT");
        }
        // .NET refuses this single noncharacter, which composes with nothing.
        return text.Contains(Refused, StringComparison.Ordinal)
            ? string.Join(Refused, text.Split(Refused).Select(part => part.Normalize(NormalizationForm.FormC)))
            : text.Normalize(NormalizationForm.FormC);
    }
}
