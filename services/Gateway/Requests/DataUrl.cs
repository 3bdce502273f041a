namespace Brownian.Gateway.Requests;

/// <summary>Parses files within requests: <c>data:image/png;base64,...</c></summary>
internal static class DataUrl
{
    private const string Scheme = "data:", Base64 = ";base64,";

    /// <summary>Reads a data URL.</summary>
    /// <returns>False when the text is not a data URL.</returns>
    /// <exception cref="InvalidDataException">It is a data URL that is not base64; the message is to be appended to the field's name.</exception>
    public static bool TryRead(string text, out byte[] bytes)
    {
        bytes = [];
        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }
        int comma = text.IndexOf(Base64, StringComparison.OrdinalIgnoreCase);
        var buffer = new byte[comma < 0 ? 0 : (text.Length / 4 * 3) + 3];
        if (comma < 0 || !Convert.TryFromBase64Chars(text.AsSpan(comma + Base64.Length), buffer, out int length))
        {
            throw new InvalidDataException("is a data URL that is not base64; allowed: data:image/png;base64,...");
        }
        bytes = buffer[..length];
        return true;
    }
}
