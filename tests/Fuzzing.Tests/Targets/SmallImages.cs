using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Images of kinds that the product reads and does not write.</summary>
internal static class SmallImages
{
    private const int Side = 9;

    /// <summary>A PNG file of 9 x 9 pixels.</summary>
    /// <param name="depth">The bits of a sample.</param>
    /// <param name="colourType">0 grey, 3 palette, 6 colour with alpha.</param>
    /// <param name="interlaced">Whether it has Adam7's passes.</param>
    public static byte[] Png(int depth, int colourType, bool interlaced)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, Side);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), Side);
        (header[8], header[9], header[12]) = ((byte)depth, (byte)colourType, (byte)(interlaced ? 1 : 0));
        int samples = colourType == 6 ? 4 : 1;
        (int Left, int Top, int Across, int Down)[] passes = interlaced
            ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            : [(0, 0, 1, 1)];
        using var pixels = new MemoryStream();
        using (var packed = new ZLibStream(pixels, CompressionLevel.Fastest, leaveOpen: true))
        {
            foreach ((int left, int top, int across, int down) in passes)
            {
                int columns = (Side - left + across - 1) / across, rows = (Side - top + down - 1) / down;
                for (int y = 0; y < rows; y++)
                {
                    packed.WriteByte((byte)(y % 5));
                    packed.Write([.. Enumerable.Range(0, (columns * samples * depth + 7) / 8).Select(x => (byte)(x * 31 + y))]);
                }
            }
        }
        return PngChunks.Repair(
        [
            0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, .. Chunk("IHDR", header),
            .. colourType == 3 ? Chunk("PLTE", [.. Enumerable.Range(0, 48).Select(i => (byte)(5 * i))]) : [],
            .. colourType == 3 ? Chunk("tRNS", [0, 128]) : [], .. Chunk("IDAT", pixels.ToArray()), .. Chunk("IEND", []),
        ]);
    }

    /// <summary>A GIF file of 4 x 4 pixels with a smaller frame and a transparent colour, in codes of three bits.</summary>
    public static byte[] Gif(bool isInterlaced)
    {
        // A clear code before every pixel keeps the codes at three bits: clear is 4, end is 5.
        var bits = new List<bool>();
        for (int i = 0; i < 9; i++)
        {
            Add(4);
            Add(i % 4);
        }
        Add(5);
        byte[] codes = [.. bits.Chunk(8).Select(part => (byte)part.Select((bit, i) => bit ? 1 << i : 0).Sum())];
        return
        [
            .. "GIF89a"u8, 4, 0, 4, 0, 0x81, 0, 0, .. Enumerable.Range(0, 12).Select(i => (byte)(20 * i)), (byte)'!', 0xF9, 4, 1, 0, 0, 2, 0,
            (byte)',', 1, 0, 1, 0, 3, 0, 3, 0, (byte)(isInterlaced ? 0x40 : 0), 2, (byte)codes.Length, .. codes, 0, (byte)';',
        ];

        void Add(int code)
        {
            for (int bit = 0; bit < 3; bit++)
            {
                bits.Add((code >> bit & 1) == 1);
            }
        }
    }

    /// <summary>A chunk without its checksum.</summary>
    public static byte[] Chunk(string type, byte[] data)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        return [.. length, .. Encoding.ASCII.GetBytes(type), .. data, 0, 0, 0, 0];
    }
}
