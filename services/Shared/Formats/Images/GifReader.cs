using System.Buffers.Binary;

namespace Brownian.Formats.Images;

/// <summary>
/// Reads the first frame of GIF files (GIF89a, CompuServe 1990) on its screen, with the colours of Pillow (<c>GifImagePlugin.py</c>): transparent
/// pixels keep their colour, and the area around a smaller frame has the colour of the transparent index, or of the first one.
/// </summary>
public static class GifReader
{
    private const int MaxCodes = 4096;

    /// <summary>The placeholder when pixels are not decoded.</summary>
    private static readonly Raster None = new(1, 1, 1, new byte[1]);

    /// <exception cref="InvalidDataException">The first frame ends early or is damaged, or there are too many pixels.</exception>
    public static Raster Read(ReadOnlySpan<byte> gif) => Read(gif, decodes: true, out _);

    /// <summary>
    /// Returns the size of the image that <see cref="Read(ReadOnlySpan{byte})"/> returns. Checks the blocks up to the end of the first frame without
    /// decoding pixels.
    /// </summary>
    /// <exception cref="InvalidDataException">See <see cref="Read(ReadOnlySpan{byte})"/>.</exception>
    public static (int Width, int Height) Inspect(ReadOnlySpan<byte> gif)
    {
        Read(gif, decodes: false, out (int Width, int Height) size);
        return size;
    }

    private static Raster Read(ReadOnlySpan<byte> gif, bool decodes, out (int Width, int Height) size)
    {
        ReadOnlySpan<byte> screen = Take(ref gif, 13)[6..];
        int width = BinaryPrimitives.ReadUInt16LittleEndian(screen), height = BinaryPrimitives.ReadUInt16LittleEndian(screen[2..]);
        ReadOnlySpan<byte> palette = TakePalette(ref gif, screen[4]);
        int? transparent = null;
        while (true)
        {
            const byte Extension = (byte)'!', Frame = (byte)',', Control = 0xF9;
            switch (Take(ref gif, 1)[0])
            {
                case Extension:
                    bool control = Take(ref gif, 1)[0] == Control;
                    ReadOnlySpan<byte> first = default;
                    for (ReadOnlySpan<byte> block = TakeBlock(ref gif); block.Length > 0; block = TakeBlock(ref gif))
                    {
                        first = first.Length == 0 ? block : first;
                    }
                    if (control && first.Length >= 4 && (first[0] & 1) == 1)
                    {
                        transparent = first[3];
                    }
                    break;
                case Frame:
                    ReadOnlySpan<byte> place = Take(ref gif, 9);
                    int left = BinaryPrimitives.ReadUInt16LittleEndian(place), top = BinaryPrimitives.ReadUInt16LittleEndian(place[2..]);
                    int wide = BinaryPrimitives.ReadUInt16LittleEndian(place[4..]), high = BinaryPrimitives.ReadUInt16LittleEndian(place[6..]);
                    width = Math.Max(width, left + wide);
                    height = Math.Max(height, top + high);
                    ImageInspector.CheckSize(width, height);
                    ImageInspector.CheckSize(wide, high);
                    const int Local = 0x80, Interlaced = 0x40;
                    palette = (place[8] & Local) != 0 ? TakePalette(ref gif, place[8]) : palette;
                    size = (width, height);
                    if (!decodes)
                    {
                        CheckBlocks(gif);
                        return None;
                    }
                    byte[] frame = Decompress(ref gif, wide * high);
                    return Paint(width, height, palette, transparent, frame, new Area(left, top, wide, high), (place[8] & Interlaced) != 0);
                default:
                    throw new InvalidDataException("is a GIF file without an image");
            }
        }
    }

    private readonly record struct Area(int Left, int Top, int Width, int Height);

    private static Raster Paint(int width, int height, ReadOnlySpan<byte> palette, int? transparent, byte[] frame, Area area, bool interlaced)
    {
        int channels = transparent is null ? 3 : 4;
        var colours = new byte[256 * channels];
        for (int i = 0; i < 256; i++)
        {
            Span<byte> colour = colours.AsSpan(i * channels, channels);
            // As in Pillow, a missing or short palette is filled with greys.
            colour.Fill((byte)i);
            if (3 * i < palette.Length)
            {
                palette.Slice(3 * i, 3).CopyTo(colour);
            }
            if (channels == 4)
            {
                colour[3] = i == transparent ? (byte)0 : byte.MaxValue;
            }
        }
        var image = new Raster(width, height, channels, new byte[width * height * channels]);
        if (area != new Area(0, 0, width, height))
        {
            for (int i = 0; i < image.Pixels.Length; i += channels)
            {
                colours.AsSpan((transparent ?? 0) * channels, channels).CopyTo(image.Pixels.AsSpan(i));
            }
        }
        ReadOnlySpan<(int First, int Step)> passes = interlaced ? [(0, 8), (4, 8), (2, 4), (1, 2)] : [(0, 1)];
        int from = 0;
        foreach ((int first, int step) in passes)
        {
            for (int y = first; y < area.Height; y += step)
            {
                Span<byte> to = image.Row(area.Top + y)[(area.Left * channels)..];
                for (int x = 0; x < area.Width; x++)
                {
                    colours.AsSpan(frame[from++] * channels, channels).CopyTo(to[(x * channels)..]);
                }
            }
        }
        return image;
    }

    /// <summary>GIF89a, appendix F: LZW with codes of 3 to 12 bits, least significant bit first.</summary>
    private static byte[] Decompress(scoped ref ReadOnlySpan<byte> gif, int pixels)
    {
        int bits = Take(ref gif, 1)[0];
        if (bits is < 1 or > 8)
        {
            throw Damaged();
        }
        // A code of at least 3 bits is a text of at most MaxCodes pixels: a header alone must not reserve memory for the frame that it states.
        const int LeastBits = 3;
        if (pixels > 8L * gif.Length / LeastBits * MaxCodes)
        {
            throw new InvalidDataException(gif.IsEmpty ? "is a GIF file that ends early" : "is a GIF file whose pixels end early");
        }
        int clear = 1 << bits, end = clear + 1, next = end + 1, size = bits + 1, previous = -1;
        var prefixes = new ushort[MaxCodes];
        var suffixes = new byte[MaxCodes];
        var text = new byte[MaxCodes + 1];
        var frame = new byte[pixels];
        int done = 0, held = 0, buffer = 0;
        ReadOnlySpan<byte> block = [];
        byte first = 0;
        while (done < pixels)
        {
            for (; held < size; held += 8)
            {
                if (block.Length == 0)
                {
                    block = TakeBlock(ref gif);
                    if (block.Length == 0)
                    {
                        throw new InvalidDataException("is a GIF file whose pixels end early");
                    }
                }
                buffer |= block[0] << held;
                block = block[1..];
            }
            int code = buffer & ((1 << size) - 1);
            buffer >>= size;
            held -= size;
            if (code == clear)
            {
                (next, size, previous) = (end + 1, bits + 1, -1);
                continue;
            }
            if (code == end)
            {
                throw new InvalidDataException("is a GIF file whose pixels end early");
            }
            if (code > next || (code > end && previous < 0))
            {
                throw Damaged();
            }
            // A code that is not in the table yet is the previous text followed by its own first character.
            int length = 0;
            int walk = code;
            if (code == next)
            {
                text[length++] = first;
                walk = previous;
            }
            for (; walk > end; walk = prefixes[walk])
            {
                text[length++] = suffixes[walk];
            }
            first = (byte)walk;
            text[length++] = first;
            if (previous >= 0 && next < MaxCodes)
            {
                prefixes[next] = (ushort)previous;
                suffixes[next] = first;
                next++;
                if (next == 1 << size && size < 12)
                {
                    size++;
                }
            }
            previous = code;
            for (; length > 0 && done < pixels; done++)
            {
                frame[done] = text[--length];
            }
        }
        return frame;
    }

    /// <summary>
    /// Checks the frame's blocks of codes, up to the empty block that ends them; that block, and everything after it, may be missing.
    /// </summary>
    private static void CheckBlocks(ReadOnlySpan<byte> gif)
    {
        if (Take(ref gif, 1)[0] is < 1 or > 8)
        {
            throw Damaged();
        }
        if (TakeBlock(ref gif).Length == 0)
        {
            throw new InvalidDataException("is a GIF file whose pixels end early");
        }
        while (gif.Length > 0 && TakeBlock(ref gif).Length > 0)
        {
            // Continues with the next block.
        }
    }

    private static ReadOnlySpan<byte> TakePalette(scoped ref ReadOnlySpan<byte> gif, int flags)
    {
        const int Present = 0x80;
        return (flags & Present) != 0 ? Take(ref gif, 3 << ((flags & 7) + 1)) : [];
    }

    private static ReadOnlySpan<byte> TakeBlock(scoped ref ReadOnlySpan<byte> gif) => Take(ref gif, Take(ref gif, 1)[0]);

    private static ReadOnlySpan<byte> Take(scoped ref ReadOnlySpan<byte> gif, int length)
    {
        if (length > gif.Length)
        {
            throw new InvalidDataException("is a GIF file that ends early");
        }
        ReadOnlySpan<byte> taken = gif[..length];
        gif = gif[length..];
        return taken;
    }

    private static InvalidDataException Damaged() => new("is a GIF file whose pixels are damaged");
}
