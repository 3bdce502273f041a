using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace Brownian.Formats.Images;

/// <summary>
/// Reads PNG files (PNG 3, W3C 2025) with the same levels as Pillow (<c>PngImagePlugin.py</c>, <c>Unpack.c</c>, <c>Convert.c</c>): samples of 16 bits
/// are reduced to their upper 8, except that those of grey images without alpha are clipped at 255. Gamma and profiles are ignored.
/// </summary>
public sealed class PngReader
{
    private const int Grey = 0, Colour = 2, Palette = 3, GreyAlpha = 4, ColourAlpha = 6;

    /// <summary>The most bytes in a compressed byte: deflate's longest match, 258 bytes, takes at least 2 bits.</summary>
    private const int MaxInflation = 1032;

    private readonly int _width;
    private readonly int _height;
    private readonly int _depth;
    private readonly int _type;
    private readonly bool _interlaced;
    private readonly byte[] _palette;
    private readonly byte[] _transparent;

    private PngReader(int width, int height, int depth, int type, bool interlaced, byte[] palette, byte[] transparent)
    {
        _width = width;
        _height = height;
        _depth = depth;
        _type = type;
        _interlaced = interlaced;
        _palette = palette;
        _transparent = transparent;
    }

    private int Samples => _type switch
    {
        GreyAlpha => 2,
        Colour => 3,
        ColourAlpha => 4,
        _ => 1,
    };

    private int Channels => _type switch
    {
        GreyAlpha or ColourAlpha => 4,
        _ when _transparent.Length > 0 => 4,
        Grey => 1,
        _ => 3,
    };

    /// <exception cref="InvalidDataException">The file ends early, is damaged, or has too many pixels.</exception>
    public static Raster Read(ReadOnlySpan<byte> png)
    {
        using var compressed = new MemoryStream();
        PngReader reader = Parse(png, compressed, out int orientation);
        compressed.Position = 0;
        return reader.Decode(compressed).Orient(orientation);
    }

    /// <summary>
    /// Returns the size of the image that <see cref="Read(ReadOnlySpan{byte})"/> returns. Checks everything except the pixels, and decodes none.
    /// </summary>
    /// <exception cref="InvalidDataException">See <see cref="Read(ReadOnlySpan{byte})"/>.</exception>
    public static (int Width, int Height) Inspect(ReadOnlySpan<byte> png)
    {
        PngReader reader = Parse(png, null, out int orientation);
        return ImageInspector.Oriented(reader._width, reader._height, orientation);
    }

    /// <summary>Checks the chunks and their checksums.</summary>
    /// <param name="png">The whole file.</param>
    /// <param name="compressed">Receives the compressed pixels; null to discard them.</param>
    /// <param name="orientation">See <see cref="ExifBlock.Orientation"/>.</param>
    private static PngReader Parse(ReadOnlySpan<byte> png, MemoryStream? compressed, out int orientation)
    {
        ReadOnlySpan<byte> header = Chunk(png, 8, out string type, out int position);
        if (type != "IHDR" || header.Length != 13)
        {
            throw new InvalidDataException("is a PNG file without a header");
        }
        uint width = BinaryPrimitives.ReadUInt32BigEndian(header), height = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        ImageInspector.CheckSize(width, height);
        (int depth, int kind) = (header[8], header[9]);
        bool known = kind switch
        {
            Grey => depth is 1 or 2 or 4 or 8 or 16,
            Palette => depth is 1 or 2 or 4 or 8,
            Colour or GreyAlpha or ColourAlpha => depth is 8 or 16,
            _ => false,
        };
        if (!known || header[10] != 0 || header[11] != 0 || header[12] > 1)
        {
            throw new InvalidDataException(
                $"is a PNG file of an unknown kind: colour type {kind}, depth {depth}, compression {header[10]}, "
                    + $"filter {header[11]}, interlace {header[12]}");
        }

        byte[] palette = [], transparent = [];
        ReadOnlySpan<byte> exif = [];
        bool hasPixels = false;
        while (type != "IEND")
        {
            ReadOnlySpan<byte> data = Chunk(png, position, out type, out position);
            switch (type)
            {
                case "PLTE" when data.Length is > 0 and <= 768 && data.Length % 3 == 0:
                    palette = data.ToArray();
                    break;
                case "PLTE":
                    throw new InvalidDataException($"is a PNG file whose palette has {data.Length} bytes");
                case "tRNS" when kind is Palette or Grey or Colour && (kind == Palette || data.Length == (kind == Grey ? 2 : 6)):
                    transparent = data.ToArray();
                    break;
                case "IDAT":
                    hasPixels |= data.Length > 0;
                    compressed?.Write(data);
                    break;
                case "eXIf":
                    exif = data;
                    break;
            }
        }
        if (kind == Palette && palette.Length == 0)
        {
            throw new InvalidDataException("is a PNG file without its palette");
        }
        if (!hasPixels)
        {
            throw new InvalidDataException("is a PNG file whose pixels end early");
        }
        orientation = ExifBlock.Orientation(exif);
        return new PngReader((int)width, (int)height, depth, kind, header[12] == 1, palette, transparent);
    }

    private static ReadOnlySpan<byte> Chunk(ReadOnlySpan<byte> png, int at, out string type, out int next)
    {
        uint length = png.Length - at < 12 ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(png[at..]);
        if (length > png.Length - at - 12L)
        {
            throw new InvalidDataException("is a PNG file that ends early");
        }
        ReadOnlySpan<byte> named = png.Slice(at + 4, 4 + (int)length);
        next = at + 12 + (int)length;
        type = System.Text.Encoding.ASCII.GetString(named[..4]);
        bool critical = (named[0] & 0x20) == 0;
        return !critical || Crc32.HashToUInt32(named) == BinaryPrimitives.ReadUInt32BigEndian(png[(next - 4)..])
            ? named[4..]
            : throw new InvalidDataException($"is a PNG file whose chunk {type} is damaged");
    }

    private Raster Decode(Stream compressed)
    {
        // A header alone must not reserve memory for the pixels that it states.
        if ((long)_width * _height * Samples * _depth / 8 > compressed.Length * MaxInflation)
        {
            throw new InvalidDataException("is a PNG file whose pixels end early");
        }
        using var samples = new ZLibStream(compressed, CompressionMode.Decompress);
        var image = new Raster(_width, _height, Channels, new byte[_width * _height * Channels]);
        ReadOnlySpan<(int Left, int Top, int Across, int Down)> passes = _interlaced
            // Adam7: PNG 3, 8.2.
            ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            : [(0, 0, 1, 1)];
        foreach ((int left, int top, int across, int down) in passes)
        {
            int columns = (_width - left + across - 1) / across, rows = (_height - top + down - 1) / down;
            if (columns <= 0 || rows <= 0)
            {
                continue;
            }
            int length = (columns * Samples * _depth + 7) / 8;
            byte[] row = new byte[1 + length], above = new byte[1 + length], pixels = new byte[columns * Channels];
            for (int y = 0; y < rows; y++)
            {
                Read(samples, row);
                Unfilter(row[0], row.AsSpan(1), above.AsSpan(1), Math.Max(1, Samples * _depth / 8));
                Expand(row.AsSpan(1), pixels);
                Span<byte> to = image.Row(top + y * down);
                if (across == 1)
                {
                    pixels.CopyTo(to);
                }
                else
                {
                    for (int x = 0; x < columns; x++)
                    {
                        pixels.AsSpan(x * Channels, Channels).CopyTo(to[((left + x * across) * Channels)..]);
                    }
                }
                (row, above) = (above, row);
            }
        }
        return image;
    }

    private static void Read(ZLibStream samples, byte[] row)
    {
        int read;
        try
        {
            read = samples.ReadAtLeast(row, row.Length, throwOnEndOfStream: false);
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException)
        {
            // A stream that needs a dictionary is an IOException of the library.
            throw new InvalidDataException("is a PNG file whose pixels are damaged", exception);
        }
        if (read < row.Length)
        {
            throw new InvalidDataException("is a PNG file whose pixels end early");
        }
    }

    /// <summary>PNG 3, 9.2: a byte is stored as the difference from a prediction by the left, upper and upper-left ones.</summary>
    private static void Unfilter(byte filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        switch (filter)
        {
            case 0:
                break;
            case 1:
                for (int i = step; i < row.Length; i++)
                {
                    row[i] += row[i - step];
                }
                break;
            case 2:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += above[i];
                }
                break;
            case 3:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += (byte)(((i < step ? 0 : row[i - step]) + above[i]) / 2);
                }
                break;
            case 4:
                for (int i = 0; i < step && i < row.Length; i++)
                {
                    row[i] += above[i];
                }
                for (int i = step; i < row.Length; i++)
                {
                    int a = row[i - step], b = above[i], c = above[i - step];
                    int fromA = Math.Abs(b - c), fromB = Math.Abs(a - c), fromC = Math.Abs(a + b - 2 * c);
                    row[i] += (byte)(fromA <= fromB && fromA <= fromC ? a : fromB <= fromC ? b : c);
                }
                break;
            default:
                throw new InvalidDataException($"is a PNG file with the unknown filter {filter}");
        }
    }

    private void Expand(ReadOnlySpan<byte> row, Span<byte> pixels)
    {
        switch (_type, _depth)
        {
            case (Palette, _):
                Paint(row, pixels);
                break;
            case (Grey, _):
                Shade(row, pixels);
                break;
            case (Colour, _) when Channels == 4:
                int bytes = _depth / 8;
                for (int from = 0, to = 0; to < pixels.Length; from += 3 * bytes, to += 4)
                {
                    pixels[to] = row[from];
                    pixels[to + 1] = row[from + bytes];
                    pixels[to + 2] = row[from + 2 * bytes];
                    pixels[to + 3] = IsTransparent(row.Slice(from, 3 * bytes)) ? (byte)0 : byte.MaxValue;
                }
                break;
            case (GreyAlpha, _):
                int size = _depth / 8;
                for (int from = 0, to = 0; to < pixels.Length; from += 2 * size, to += 4)
                {
                    pixels[to] = pixels[to + 1] = pixels[to + 2] = row[from];
                    pixels[to + 3] = row[from + size];
                }
                break;
            case (_, 8):
                row.CopyTo(pixels);
                break;
            default:
                for (int i = 0; i < pixels.Length; i++)
                {
                    pixels[i] = row[2 * i];
                }
                break;
        }
    }

    private void Paint(ReadOnlySpan<byte> row, Span<byte> pixels)
    {
        int channels = Channels;
        for (int x = 0, to = 0; to < pixels.Length; x++, to += channels)
        {
            int index = Sample(row, x);
            if (3 * index < _palette.Length)
            {
                _palette.AsSpan(3 * index, 3).CopyTo(pixels[to..]);
            }
            else
            {
                // As in Pillow, a short palette is filled with greys.
                pixels.Slice(to, 3).Fill((byte)index);
            }
            if (channels == 4)
            {
                pixels[to + 3] = index < _transparent.Length ? _transparent[index] : byte.MaxValue;
            }
        }
    }

    private void Shade(ReadOnlySpan<byte> row, Span<byte> pixels)
    {
        int channels = Channels, transparent = channels == 4 ? BinaryPrimitives.ReadUInt16BigEndian(_transparent) : -1;
        for (int x = 0, to = 0; to < pixels.Length; x++, to += channels)
        {
            int sample = Sample(row, x);
            byte level = (byte)(_depth switch
            {
                16 => Math.Min(sample, byte.MaxValue),
                _ => sample * (byte.MaxValue / ((1 << _depth) - 1)),
            });
            pixels[to] = level;
            if (channels == 4)
            {
                pixels[to + 1] = pixels[to + 2] = level;
                pixels[to + 3] = sample == transparent ? (byte)0 : byte.MaxValue;
            }
        }
    }

    private int Sample(ReadOnlySpan<byte> row, int x) => _depth switch
    {
        8 => row[x],
        16 => BinaryPrimitives.ReadUInt16BigEndian(row[(2 * x)..]),
        _ => (row[x * _depth / 8] >> (8 - _depth - x * _depth % 8)) & ((1 << _depth) - 1),
    };

    private bool IsTransparent(ReadOnlySpan<byte> pixel) => _depth == 16
        ? pixel.SequenceEqual(_transparent)
        : pixel[0] == _transparent[1] && pixel[1] == _transparent[3] && pixel[2] == _transparent[5]
            && (_transparent[0] | _transparent[2] | _transparent[4]) == 0;
}
