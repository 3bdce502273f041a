using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace Brownian.Inference.Tests.Images;

/// <summary>Writes PNG files of every type, chunk by chunk.</summary>
internal sealed class PngFile(int width, int height, int depth, int type, bool interlaced = false)
{
    private readonly List<(string Type, byte[] Data)> _before = [];

    public PngFile With(string chunk, params byte[] data)
    {
        _before.Add((chunk, data));
        return this;
    }

    /// <param name="samples">[height, width, samples a pixel], each within the depth.</param>
    /// <param name="filters">The filters of the rows, in turn.</param>
    public byte[] Write(int[] samples, params int[] filters)
    {
        int each = type switch { 4 => 2, 2 => 3, 6 => 4, _ => 1 };
        using var raw = new MemoryStream();
        int written = 0;
        foreach ((int left, int top, int across, int down) in interlaced
            ? ((int, int, int, int)[])[(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            : [(0, 0, 1, 1)])
        {
            byte[]? above = null;
            for (int y = top; y < height && left < width; y += down)
            {
                var bits = new List<int>();
                for (int x = left; x < width; x += across)
                {
                    for (int sample = 0; sample < each; sample++)
                    {
                        int value = samples[(y * width + x) * each + sample];
                        for (int bit = depth - 1; bit >= 0; bit--)
                        {
                            bits.Add((value >> bit) & 1);
                        }
                    }
                }
                byte[] row = [.. bits.Chunk(8).Select(eight => (byte)eight.Select((bit, i) => bit << (7 - i)).Sum())];
                int filter = filters.Length == 0 ? 0 : filters[written++ % filters.Length];
                raw.WriteByte((byte)filter);
                raw.Write(Filter(filter, row, above ?? new byte[row.Length], Math.Max(1, each * depth / 8)));
                above = row;
            }
        }
        return WriteRaw(raw.ToArray());
    }

    /// <param name="rows">Filter bytes and filtered bytes, before compression.</param>
    public byte[] WriteRaw(byte[] rows)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(rows);
        }
        byte[] data = packed.ToArray();
        // Two chunks: a reader must join them.
        return WriteChunks([.. _before, ("IDAT", data[..(data.Length / 2)]), ("IDAT", data[(data.Length / 2)..])]);
    }

    public byte[] WriteChunks(params (string Type, byte[] Data)[] chunks)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = (byte)depth;
        header[9] = (byte)type;
        header[12] = interlaced ? (byte)1 : (byte)0;
        return
        [
            0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A,
            .. Chunk("IHDR", header),
            .. chunks.SelectMany(chunk => Chunk(chunk.Type, chunk.Data)),
            .. Chunk("IEND", []),
        ];
    }

    private static byte[] Chunk(string type, byte[] data)
    {
        byte[] chunk = [0, 0, 0, 0, .. Encoding.ASCII.GetBytes(type), .. data, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc32.HashToUInt32(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }

    private static byte[] Filter(int filter, byte[] row, byte[] above, int step)
    {
        var filtered = new byte[row.Length];
        for (int i = 0; i < row.Length; i++)
        {
            int left = i < step ? 0 : row[i - step], up = above[i], corner = i < step ? 0 : above[i - step];
            int guess = left + up - corner;
            int nearest = new[] { left, up, corner }.MinBy(value => Math.Abs(guess - value));
            filtered[i] = (byte)(row[i] - filter switch { 0 => 0, 1 => left, 2 => up, 3 => (left + up) / 2, _ => nearest });
        }
        return filtered;
    }
}
