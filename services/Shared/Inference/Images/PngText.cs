using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace Brownian.Inference.Images;

/// <summary>The text chunk <c>parameters</c> of PNG files: tEXt in Latin-1, iTXt in UTF-8 for what Latin-1 cannot hold (PNG 1.2, 4.2.3).</summary>
internal static class PngText
{
    private const string Keyword = "parameters";
    private const int SignatureLength = 8;
    private const int HeaderChunkLength = 25;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    public static bool IsPng(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Signature);

    /// <summary>The file with the text right after its header.</summary>
    public static byte[] Insert(ReadOnlySpan<byte> png, string text)
    {
        bool latin = text.All(character => character is '\n' or (>= ' ' and <= '~') or (>= '\u00A0' and <= '\u00FF'));
        byte[] data = latin
            ? [.. Encoding.Latin1.GetBytes(Keyword), 0, .. Encoding.Latin1.GetBytes(text)]
            // Keyword, not compressed, no language, no translated keyword.
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

    /// <exception cref="InvalidDataException">The chunks are damaged.</exception>
    public static string? Read(ReadOnlySpan<byte> png)
    {
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
            if (type == "IEND")
            {
                return null;
            }
            if (type is "tEXt" or "iTXt" or "zTXt" && Text(type, png.Slice(position + 8, length)) is { } text)
            {
                return text;
            }
            position += 12 + length;
        }
        return null;
    }

    private static string? Text(string type, ReadOnlySpan<byte> data)
    {
        int end = data.IndexOf((byte)0);
        if (end < 0 || Encoding.Latin1.GetString(data[..end]) != Keyword)
        {
            return null;
        }
        ReadOnlySpan<byte> rest = data[(end + 1)..];
        switch (type)
        {
            case "tEXt":
                return Encoding.Latin1.GetString(rest);
            case "zTXt":
                return rest.Length > 1 ? Encoding.Latin1.GetString(Inflate(rest[1..])) : null;
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
                return Encoding.UTF8.GetString(compressed ? Inflate(rest) : rest);
        }
    }

    private static byte[] Inflate(ReadOnlySpan<byte> bytes)
    {
        const int Most = 1 << 20;
        using var source = new ZLibStream(new MemoryStream(bytes.ToArray()), CompressionMode.Decompress);
        var text = new byte[Most];
        int read = source.ReadAtLeast(text, Most, throwOnEndOfStream: false);
        return text[..read];
    }
}
