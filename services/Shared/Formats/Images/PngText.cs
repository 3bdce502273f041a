using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace Brownian.Formats.Images;

/// <summary>
/// Reads and writes the settings in PNG files: the text chunk <c>parameters</c>, tEXt in Latin-1, or iTXt in UTF-8 for other characters (PNG 1.2,
/// 4.2.3). Settings of other programs may also be in an eXIf comment, or in the text chunk <c>prompt</c> with ComfyUI's graph.
/// </summary>
public static class PngText
{
    private const string Keyword = "parameters";
    private const string GraphKeyword = "prompt";
    private const int SignatureLength = 8;
    private const int HeaderChunkLength = 25;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Whether a file begins with the signature of PNG.</summary>
    public static bool IsPng(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Signature);

    /// <summary>Inserts a text chunk directly after the file's header.</summary>
    public static byte[] Insert(ReadOnlySpan<byte> png, string text)
    {
        bool latin = text.All(character => character is '\n' or (>= ' ' and <= '~') or (>= '\u00A0' and <= '\u00FF'))
            // Several programs decode text as UTF-8 whenever it is valid UTF-8.
            && (Ascii.IsValid(text) || CommentText.Utf8(Encoding.Latin1.GetBytes(text)) is null);
        byte[] data = latin
            ? [.. Encoding.Latin1.GetBytes(Keyword), 0, .. Encoding.Latin1.GetBytes(text)]
            // The keyword, then: not compressed, no language, no translated keyword.
            : [.. Encoding.Latin1.GetBytes(Keyword), 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(text)];
        byte[] type = Encoding.ASCII.GetBytes(latin ? "tEXt" : "iTXt");
        var chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        type.CopyTo(chunk, 4);
        data.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc32.HashToUInt32(chunk.AsSpan(4, 4 + data.Length)));
        const int After = SignatureLength + HeaderChunkLength;
        return [.. png[..After], .. chunk, .. png[After..]];
    }

    /// <summary>
    /// Returns the settings: those of <c>parameters</c> take precedence over an eXIf comment, and ComfyUI's graph comes last. Null when there are
    /// none.
    /// </summary>
    /// <exception cref="InvalidDataException">The chunks are damaged.</exception>
    public static string? Read(ReadOnlySpan<byte> png)
    {
        string? comment = null, graph = null;
        int position = SignatureLength;
        while (position < png.Length)
        {
            if (png.Length - position < 12)
            {
                throw new InvalidDataException("is a PNG file that ends early");
            }
            int length = BinaryPrimitives.ReadInt32BigEndian(png[position..]);
            if (length < 0 || length > png.Length - position - 12)
            {
                throw new InvalidDataException("is a PNG file that ends early");
            }
            string type = Encoding.ASCII.GetString(png.Slice(position + 4, 4));
            ReadOnlySpan<byte> data = png.Slice(position + 8, length);
            switch (type)
            {
                case "IEND":
                    return comment ?? graph;
                case "tEXt" or "iTXt" or "zTXt":
                    if (Text(type, Keyword, data) is { } text)
                    {
                        return text;
                    }
                    graph ??= Text(type, GraphKeyword, data);
                    break;
                case "eXIf":
                    comment ??= ExifComment.Read(data.StartsWith(ExifBlock.AppMarker) ? data[ExifBlock.AppMarker.Length..] : data);
                    break;
            }
            position += 12 + length;
        }
        return comment ?? graph;
    }

    private static string? Text(string type, string keyword, ReadOnlySpan<byte> data)
    {
        int end = data.IndexOf((byte)0);
        if (end < 0 || Encoding.Latin1.GetString(data[..end]) != keyword)
        {
            return null;
        }
        ReadOnlySpan<byte> rest = data[(end + 1)..];
        switch (type)
        {
            case "tEXt":
                return CommentText.OfChunk(rest, CommentText.IsOwn);
            case "zTXt":
                return rest.Length > 1 ? CommentText.OfChunk(Inflate(rest[1..]), CommentText.IsOwn) : null;
            default:
                if (rest.Length < 2)
                {
                    return null;
                }
                bool compressed = rest[0] == 1;
                rest = rest[2..];
                for (int skipped = 0; skipped < 2; skipped++)
                {
                    int zero = rest.IndexOf((byte)0);
                    if (zero < 0)
                    {
                        return null;
                    }
                    rest = rest[(zero + 1)..];
                }
                ReadOnlySpan<byte> plain = compressed ? Inflate(rest) : rest;
                return CommentText.Utf8(plain) is { } text && CommentText.IsOwn(text) ? text : CommentText.OfChunk(plain, static _ => false);
        }
    }

    private static byte[] Inflate(ReadOnlySpan<byte> bytes)
    {
        const int Max = 16 << 20;
        byte[] inflated;
        try
        {
            using var source = new ZLibStream(new MemoryStream(bytes.ToArray()), CompressionMode.Decompress);
            using var text = new MemoryStream();
            var part = new byte[1 << 16];
            for (int read = source.Read(part); read > 0; read = source.Read(part))
            {
                text.Write(part, 0, read);
                if (text.Length > Max)
                {
                    break;
                }
            }
            inflated = text.ToArray();
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException)
        {
            // A stream that needs a dictionary is an IOException of the library.
            throw new InvalidDataException("contains a compressed text that is damaged", exception);
        }
        if (inflated.Length > Max)
        {
            throw new InvalidDataException($"contains a compressed text of more than {Max >> 20} MiB");
        }
        // The library accepts a stream that ends early as complete.
        return bytes.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(bytes[^4..]) == Adler32(inflated)
            ? inflated
            : throw new InvalidDataException("contains a compressed text that is damaged");
    }

    /// <summary>Computes the checksum at the end of a zlib stream (RFC 1950, 8.2).</summary>
    private static uint Adler32(ReadOnlySpan<byte> bytes)
    {
        const uint Modulus = 65521;
        uint low = 1, high = 0;
        foreach (byte value in bytes)
        {
            low = (low + value) % Modulus;
            high = (high + low) % Modulus;
        }
        return (high << 16) | low;
    }
}
