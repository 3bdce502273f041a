using System.Text;
using System.Text.Unicode;

namespace Brownian.Requests;

/// <summary>Checks text from files, standard input and request bodies: UTF-8, with or without a byte order mark.</summary>
public static class Utf8Text
{
    private static readonly byte[] Mark = [0xEF, 0xBB, 0xBF];

    private static readonly (byte[] Mark, string Name)[] Others =
    [
        ([0xFF, 0xFE, 0, 0], "UTF-32"),
        ([0, 0, 0xFE, 0xFF], "UTF-32"),
        ([0xFF, 0xFE], "UTF-16"),
        ([0xFE, 0xFF], "UTF-16"),
    ];

    /// <summary>Returns the bytes after the byte order mark, after checking that they are UTF-8.</summary>
    /// <param name="bytes">The whole text.</param>
    /// <exception cref="InvalidDataException">The text has another encoding; the message is to be appended to the text's name.</exception>
    public static ReadOnlyMemory<byte> Checked(ReadOnlyMemory<byte> bytes)
    {
        ReadOnlySpan<byte> span = bytes.Span;
        foreach ((byte[] mark, string name) in Others)
        {
            if (span.StartsWith(mark))
            {
                throw new InvalidDataException($"is {name} text; allowed: UTF-8");
            }
        }
        // No text begins with the character U+0000, so these are the two bytes of an ASCII character.
        if (span.Length >= 2 && span.Length % 2 == 0 && (span[0] == 0) != (span[1] == 0))
        {
            throw new InvalidDataException("is UTF-16 text; allowed: UTF-8");
        }
        if (span.StartsWith(Mark))
        {
            bytes = bytes[Mark.Length..];
        }
        if (!Utf8.IsValid(bytes.Span))
        {
            throw new InvalidDataException("is not valid UTF-8: " + Describe(bytes.Span));
        }
        return bytes;
    }

    /// <summary>Describes the position of the first invalid byte.</summary>
    private static string Describe(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (Rune.DecodeFromUtf8(bytes[at..], out _, out int length) == System.Buffers.OperationStatus.Done)
        {
            at += length;
        }
        int line = 1 + bytes[..at].Count((byte)'\n'), position = at - bytes[..at].LastIndexOf((byte)'\n');
        return string.Create(CultureInfo.InvariantCulture, $"the byte 0x{bytes[at]:X2} in line {line}, position {position}; save the text as UTF-8");
    }
}
