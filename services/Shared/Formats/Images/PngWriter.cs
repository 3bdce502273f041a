using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace Brownian.Formats.Images;

/// <summary>
/// Writes PNG files (PNG 1.2) of 8 bits for each channel without filters. The files are larger than those of an encoder that chooses filters; they
/// are for images within the platform, such as masks, where a process has no image library.
/// </summary>
public static class PngWriter
{
    /// <summary>Returns a file.</summary>
    /// <param name="image">An image of 1, 3 or 4 channels.</param>
    public static byte[] Encode(Raster image)
    {
        const int HeaderLength = 13;
        using var file = new MemoryStream();
        file.Write([0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n']);
        var header = new byte[HeaderLength];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        // The depth, and the colour type: grey, RGB, RGBA.
        (header[8], header[9]) = (8, image.Channels switch { 1 => (byte)0, 3 => (byte)2, _ => (byte)6 });
        Write(file, "IHDR"u8, header);
        using (var data = new MemoryStream())
        {
            using (var packed = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true))
            {
                for (int y = 0; y < image.Height; y++)
                {
                    // No filter.
                    packed.WriteByte(0);
                    packed.Write(image.Row(y));
                }
            }
            Write(file, "IDAT"u8, data.GetBuffer().AsSpan(0, (int)data.Length));
        }
        Write(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static void Write(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        Span<byte> number = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        file.Write(number);
        file.Write(type);
        file.Write(content);
        var sum = new Crc32();
        sum.Append(type);
        sum.Append(content);
        BinaryPrimitives.WriteUInt32BigEndian(number, sum.GetCurrentHashAsUInt32());
        file.Write(number);
    }
}
