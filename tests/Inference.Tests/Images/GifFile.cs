namespace Brownian.Inference.Tests.Images;

/// <summary>Writes GIF files with one frame.</summary>
/// <param name="Width">The width of the screen.</param>
/// <param name="Height">The height of the screen.</param>
/// <param name="Palette">Colours, 3 bytes each, 2, 4, 8... of them; empty for none.</param>
internal sealed record GifFile(int Width, int Height, byte[] Palette)
{
    public int? Transparent { get; init; }

    public bool Interlaced { get; init; }

    /// <summary>The frame's place; null for the whole screen.</summary>
    public (int Left, int Top, int Width, int Height)? Frame { get; init; }

    /// <param name="indices">[height, width] of the frame, each below 2^<paramref name="bits"/>.</param>
    /// <param name="bits">2..8.</param>
    public byte[] Write(byte[] indices, int bits)
    {
        (int left, int top, int width, int height) = Frame ?? (0, 0, Width, Height);
        IEnumerable<int> order = Enumerable.Range(0, height);
        if (Interlaced)
        {
            order = order.OrderBy(y => y % 8 == 0 ? 0 : y % 8 == 4 ? 1 : y % 4 == 2 ? 2 : 3);
        }
        byte[] sent = [.. order.SelectMany(y => indices.AsSpan(y * width, width).ToArray())];
        return
        [
            .. "GIF89a"u8, .. Short(Width), .. Short(Height), Flags(0), 0, 0, .. Palette,
            .. Transparent is { } index ? (byte[])[0x21, 0xF9, 4, 1, 0, 0, (byte)index, 0] : [],
            0x21, 0xFE, 2, (byte)'h', (byte)'i', 0,
            0x2C, .. Short(left), .. Short(top), .. Short(width), .. Short(height), Interlaced ? (byte)0x40 : (byte)0,
            (byte)bits, .. Pack(sent, bits).Chunk(200).SelectMany(block => (byte[])[(byte)block.Length, .. block]), 0,
            0x3B,
        ];
    }

    private byte Flags(int flags) => (byte)(Palette.Length == 0 ? flags : flags | 0x80 | (int)Math.Log2(Palette.Length / 3) - 1);

    private static byte[] Short(int value) => [(byte)value, (byte)(value >> 8)];

    /// <summary>LZW with a table that is cleared when it is full.</summary>
    private static byte[] Pack(byte[] indices, int bits)
    {
        var bytes = new List<byte>();
        int buffer = 0, held = 0, size = bits + 1, clear = 1 << bits;
        var table = new Dictionary<(int Prefix, byte Next), int>();
        void Put(int code)
        {
            buffer |= code << held;
            for (held += size; held >= 8; held -= 8, buffer >>= 8)
            {
                bytes.Add((byte)buffer);
            }
        }
        Put(clear);
        int prefix = indices[0], next = clear + 2;
        foreach (byte index in indices.AsSpan(1))
        {
            if (table.TryGetValue((prefix, index), out int known))
            {
                prefix = known;
                continue;
            }
            Put(prefix);
            if (next < 4096)
            {
                table[(prefix, index)] = next++;
                // A reader is one entry behind.
                size += next == (1 << size) + 1 && size < 12 ? 1 : 0;
            }
            else
            {
                Put(clear);
                table.Clear();
                (next, size) = (clear + 2, bits + 1);
            }
            prefix = index;
        }
        Put(prefix);
        Put(clear + 1);
        if (held > 0)
        {
            bytes.Add((byte)buffer);
        }
        return [.. bytes];
    }
}
