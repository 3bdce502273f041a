using System.Buffers.Binary;

namespace Brownian.Formats.Images;

/// <summary>Parses the chunks of WebP files (RFC 9649), without the pixels.</summary>
internal static class WebpStructure
{
    private const int HeaderLength = 12, ChunkHeaderLength = 8;

    /// <summary>Returns the size of the canvas, and checks every chunk's length.</summary>
    /// <exception cref="InvalidDataException">The file ends early, has no image, or has too many pixels.</exception>
    public static (int Width, int Height) SizeOf(ReadOnlySpan<byte> webp)
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(webp[4..]);
        if (length > webp.Length - 8 || length < 4)
        {
            throw Truncated();
        }
        webp = webp[..(8 + (int)length)];
        (int Width, int Height)? canvas = null, image = null;
        bool hasPixels = false;
        for (int at = HeaderLength; at + ChunkHeaderLength <= webp.Length;)
        {
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(webp[(at + 4)..]);
            if (size > webp.Length - at - ChunkHeaderLength)
            {
                throw Truncated();
            }
            ReadOnlySpan<byte> name = webp.Slice(at, 4), data = webp.Slice(at + ChunkHeaderLength, (int)size);
            if (name.SequenceEqual("VP8X"u8) && data.Length >= 10)
            {
                canvas = (1 + UInt24(data[4..]), 1 + UInt24(data[7..]));
            }
            else if (name.SequenceEqual("VP8 "u8))
            {
                image ??= Lossy(data);
                hasPixels = true;
            }
            else if (name.SequenceEqual("VP8L"u8))
            {
                image ??= Lossless(data);
                hasPixels = true;
            }
            hasPixels |= name.SequenceEqual("ANMF"u8);
            at += ChunkHeaderLength + (int)size + (int)(size & 1);
        }
        if (!hasPixels || (canvas ?? image) is not { } whole)
        {
            throw new InvalidDataException("is a WebP file without pixels");
        }
        ImageInspector.CheckSize(whole.Width, whole.Height);
        return whole;
    }

    /// <summary>Reads a VP8 key frame's header (RFC 6386, 9.1).</summary>
    private static (int Width, int Height) Lossy(ReadOnlySpan<byte> data) => data.Length >= 10 && data[3..].StartsWith<byte>([0x9D, 0x01, 0x2A])
        ? (BinaryPrimitives.ReadUInt16LittleEndian(data[6..]) & 0x3FFF, BinaryPrimitives.ReadUInt16LittleEndian(data[8..]) & 0x3FFF)
        : throw new InvalidDataException("is a WebP file whose pixels are damaged");

    /// <summary>Reads a lossless bitstream's header (RFC 9649, 3.4): 14 bits for each side minus one.</summary>
    private static (int Width, int Height) Lossless(ReadOnlySpan<byte> data)
    {
        if (data.Length < 5 || data[0] != 0x2F)
        {
            throw new InvalidDataException("is a WebP file whose pixels are damaged");
        }
        uint bits = BinaryPrimitives.ReadUInt32LittleEndian(data[1..]);
        return (1 + (int)(bits & 0x3FFF), 1 + (int)((bits >> 14) & 0x3FFF));
    }

    private static int UInt24(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);

    private static InvalidDataException Truncated() => new("is a WebP file that ends early");
}
