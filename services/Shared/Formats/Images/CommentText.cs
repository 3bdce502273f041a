using System.Text;

namespace Brownian.Formats.Images;

/// <summary>
/// Decodes the text of an EXIF UserComment (Exif 3.0, 4.6.6, table 9), and of a PNG text chunk. The encoding that files declare is often wrong, so it
/// is determined from the bytes.
/// </summary>
public static class CommentText
{
    private const int CodeLength = 8;

    /// <summary>ASCII text that every tool's settings contain, by which the byte order of UTF-16 is determined.</summary>
    private static readonly string[] Marks = ["Steps: ", "sui_image_params", "class_type"];

    private static readonly string[] Codes = ["ASCII", "JIS", "UNICODE", "UTF-8", "UTF8", "UTF-16"];

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The character code of UTF-16 text.</summary>
    public static ReadOnlySpan<byte> Unicode => "UNICODE\0"u8;

    /// <summary>The character code of ASCII text.</summary>
    public static ReadOnlySpan<byte> Ascii => "ASCII\0\0\0"u8;

    /// <summary>The character code of text in an undefined encoding.</summary>
    public static ReadOnlySpan<byte> Undefined => "\0\0\0\0\0\0\0\0"u8;

    /// <summary>Returns the text of a comment; "" when it is empty.</summary>
    /// <param name="comment">The character code and the text.</param>
    /// <param name="isBig">Whether the enclosing block is big-endian: some programs write UTF-16 in its byte order, contrary to the standard.</param>
    /// <param name="isOwn">Whether a text was written by this program. Such a text has no byte order mark, but its prompt may begin with one.</param>
    public static string OfComment(ReadOnlySpan<byte> comment, bool isBig, Func<string, bool> isOwn)
    {
        bool isUnicode = comment.StartsWith(Unicode);
        ReadOnlySpan<byte> text = StartsWithCode(comment) ? comment[CodeLength..] : comment;
        ReadOnlySpan<byte> trimmed = text.TrimEnd((byte)0);
        // A zero that pads the field to an even length is not half of a character.
        ReadOnlySpan<byte> even = text.Length % 2 != 0 && text[^1] == 0 ? text[..^1] : text;
        string big = Encoding.BigEndianUnicode.GetString(even).TrimEnd('\0');
        if (isOwn(big))
        {
            return big;
        }
        if (OfMark(even) is { } marked)
        {
            return marked;
        }
        int zero = trimmed.IndexOf((byte)0);
        if (zero < 0 && Utf8(trimmed) is { } utf8)
        {
            return utf8;
        }
        ReadOnlySpan<byte> narrow = zero < 0 ? trimmed : trimmed[..zero];
        if (Holds(Encoding.Latin1.GetString(narrow)) || (zero < 0 && !isUnicode))
        {
            // One byte for each character, up to the terminating zero.
            return Utf8(narrow) ?? Encoding.Latin1.GetString(narrow);
        }
        string little = Encoding.Unicode.GetString(even).TrimEnd('\0');
        return Holds(big) != Holds(little) ? (Holds(big) ? big : little) : isBig ? big : little;
    }

    /// <summary>Returns the text of a PNG chunk: UTF-8 if it is valid, because several programs write UTF-8 into Latin-1 chunks too.</summary>
    /// <param name="bytes">The text.</param>
    /// <param name="isOwn">Whether a text was written by this program, in which case it is Latin-1.</param>
    public static string OfChunk(ReadOnlySpan<byte> bytes, Func<string, bool> isOwn)
    {
        ReadOnlySpan<byte> trimmed = bytes.TrimEnd((byte)0);
        string latin = Encoding.Latin1.GetString(trimmed);
        return isOwn(latin) ? latin : OfMark(bytes) ?? Utf8(trimmed) ?? latin;
    }

    /// <summary>Returns the text in UTF-8; null when the bytes are not valid UTF-8.</summary>
    public static string? Utf8(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>Refuses unreadable text, which consists mostly of control characters, lone surrogates or replacement characters.</summary>
    /// <exception cref="InvalidDataException">The text is unreadable.</exception>
    public static string Readable(string text)
    {
        int unreadable = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]) || text[i] >= '\uFFFD' || (char.IsControl(text[i]) && text[i] is not ('\t' or '\n' or '\r')))
            {
                unreadable++;
            }
        }
        return 2 * unreadable <= text.Length
            ? text
            : throw new InvalidDataException("contains text that cannot be read: most of it is control characters or invalid Unicode");
    }

    /// <summary>Returns the text after a byte order mark; null without one.</summary>
    private static string? OfMark(ReadOnlySpan<byte> text)
    {
        (Encoding? encoding, int length) =
            text.StartsWith<byte>([0xEF, 0xBB, 0xBF]) ? (Encoding.UTF8, 3)
            : text.StartsWith<byte>([0xFE, 0xFF]) ? (Encoding.BigEndianUnicode, 2)
            : text.StartsWith<byte>([0xFF, 0xFE]) ? (Encoding.Unicode, 2)
            : ((Encoding?)null, 0);
        return encoding?.GetString(text[length..]).TrimEnd('\0');
    }

    private static bool Holds(string text) => Marks.Any(mark => text.Contains(mark, StringComparison.Ordinal));

    /// <summary>
    /// Whether the first eight bytes are a character code, known or unknown: a word that is padded with zeros or blanks, or only zeros.
    /// </summary>
    private static bool StartsWithCode(ReadOnlySpan<byte> comment)
    {
        if (comment.Length < CodeLength)
        {
            return false;
        }
        ReadOnlySpan<byte> code = comment[..CodeLength], word = code.TrimEnd((byte)0);
        // UTF-16 text has zeros between its letters.
        bool isFilledUp = word.Length < CodeLength && word.Length != 1 && word.IndexOfAnyExceptInRange((byte)'!', (byte)'~') < 0;
        return isFilledUp || Codes.Contains(Encoding.Latin1.GetString(code).TrimEnd('\0', ' '), StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Whether a text was written by this program, in any version.</summary>
    public static bool IsOwn(string text) => text.AsSpan(text.LastIndexOf('\n') + 1) is var last
        && last.StartsWith("Steps: ", StringComparison.Ordinal) && last.Contains(", Version: Brownian ", StringComparison.Ordinal);
}
