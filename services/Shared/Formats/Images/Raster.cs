namespace Brownian.Formats.Images;

/// <summary>An image with 8 bits for each channel: Pillow's modes L (1 channel), RGB (3) and RGBA (4, not premultiplied).</summary>
public record Raster
{
    /// <summary>Creates an image over bytes, which are not copied.</summary>
    /// <param name="width">The width in pixels, at least 1.</param>
    /// <param name="height">The height in pixels, at least 1.</param>
    /// <param name="channels">The number of channels: 1, 3 or 4.</param>
    /// <param name="pixels">The bytes, [height, width, channels]. Owned by the raster.</param>
    /// <exception cref="ArgumentException">
    /// A side is below 1, the number of channels is not allowed, or the number of bytes does not match.
    /// </exception>
    public Raster(int width, int height, int channels, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (channels is not (1 or 3 or 4))
        {
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "An image has 1, 3 or 4 channels");
        }
        if (pixels.Length != (long)width * height * channels)
        {
            throw new ArgumentException(
                $"{pixels.Length} bytes are not an image of {width}x{height} pixels with {channels} channels", nameof(pixels));
        }
        Width = width;
        Height = height;
        Channels = channels;
        Pixels = pixels;
    }

    /// <summary>The width in pixels.</summary>
    public int Width { get; }

    /// <summary>The height in pixels.</summary>
    public int Height { get; }

    /// <summary>The number of channels. 1: grey. 3: red, green, blue. 4: red, green, blue, alpha.</summary>
    public int Channels { get; }

    /// <summary>The bytes, [height, width, channels].</summary>
    public byte[] Pixels { get; }

    private protected int Stride => Width * Channels;

    /// <summary>Returns the bytes of a row, [width, channels].</summary>
    /// <param name="y">The row; 0 is the top.</param>
    public Span<byte> Row(int y) => Pixels.AsSpan(y * Stride, Stride);

    /// <summary>
    /// Converts to one channel. Colours are converted to the luma of ITU-R 601-2 with 16 fractional bits, rounded; alpha is dropped (<c>rgb2l</c> in
    /// Pillow's <c>Convert.c</c>).
    /// </summary>
    public Raster ToGrey()
    {
        if (Channels == 1)
        {
            return this;
        }
        var grey = new byte[Width * Height];
        for (int i = 0, j = 0; i < grey.Length; i++, j += Channels)
        {
            grey[i] = (byte)((Pixels[j] * 19595 + Pixels[j + 1] * 38470 + Pixels[j + 2] * 7471 + 0x8000) >> 16);
        }
        return new Raster(Width, Height, 1, grey);
    }

    /// <summary>Converts to three channels. Grey is repeated; alpha is dropped without compositing (Pillow's <c>convert("RGB")</c>).</summary>
    public PixelImage ToRgb()
    {
        if (this is PixelImage image)
        {
            return image;
        }
        if (Channels == 3)
        {
            return new PixelImage(Width, Height, Pixels);
        }
        var rgb = new byte[3 * Width * Height];
        if (Channels == 1)
        {
            for (int i = 0, j = 0; i < Pixels.Length; i++, j += 3)
            {
                rgb[j] = rgb[j + 1] = rgb[j + 2] = Pixels[i];
            }
        }
        else
        {
            for (int i = 0, j = 0; i < Pixels.Length; i += 4, j += 3)
            {
                rgb[j] = Pixels[i];
                rgb[j + 1] = Pixels[i + 1];
                rgb[j + 2] = Pixels[i + 2];
            }
        }
        return new PixelImage(Width, Height, rgb);
    }

    /// <summary>Converts to four channels; an image without alpha becomes opaque.</summary>
    public Raster ToRgba()
    {
        if (Channels == 4)
        {
            return this;
        }
        var rgba = new byte[4 * Width * Height];
        int green = Channels == 1 ? 0 : 1, blue = Channels == 1 ? 0 : 2;
        for (int i = 0, j = 0; j < rgba.Length; i += Channels, j += 4)
        {
            rgba[j] = Pixels[i];
            rgba[j + 1] = Pixels[i + green];
            rgba[j + 2] = Pixels[i + blue];
            rgba[j + 3] = byte.MaxValue;
        }
        return new Raster(Width, Height, 4, rgba);
    }

    /// <summary>Returns a part of the image; the area outside is 0 in every channel (Pillow's <c>crop</c>).</summary>
    /// <param name="left">The left edge; may be negative.</param>
    /// <param name="top">The top edge; may be negative.</param>
    /// <param name="width">The width, at least 1.</param>
    /// <param name="height">The height, at least 1.</param>
    public Raster Crop(int left, int top, int width, int height)
    {
        var part = new Raster(width, height, Channels, new byte[width * height * Channels]);
        part.Paste(this, -left, -top);
        return part;
    }

    /// <summary>Applies the orientation, like Pillow's <c>exif_transpose</c>.</summary>
    /// <param name="orientation">Exif 2.32, 4.6.4, tag 0x0112: 1..8; any other value is treated as 1, upright.</param>
    public Raster Orient(int orientation)
    {
        if (orientation is < 2 or > 8)
        {
            return this;
        }
        bool sideways = orientation >= 5;
        int width = sideways ? Height : Width, height = sideways ? Width : Height;
        // The position of the first pixel in the source, and the offsets in the source for one step to the right and one step down.
        bool fromRight = orientation is 2 or 3 or 7 or 8, fromBottom = orientation is 3 or 4 or 6 or 7;
        int across = fromRight ? -Channels : Channels, down = fromBottom ? -Stride : Stride;
        int start = (fromRight ? Stride - Channels : 0) + (fromBottom ? (Height - 1) * Stride : 0);
        int right = sideways ? down : across, below = sideways ? across : down;
        var turned = new byte[Pixels.Length];
        for (int y = 0, to = 0; y < height; y++)
        {
            int from = start + y * below;
            for (int x = 0; x < width; x++, from += right, to += Channels)
            {
                for (int channel = 0; channel < Channels; channel++)
                {
                    turned[to + channel] = Pixels[from + channel];
                }
            }
        }
        return new Raster(width, height, Channels, turned);
    }

    /// <summary>Copies an image with the same number of channels onto this one; the area outside is clipped.</summary>
    public void Paste(Raster source, int left, int top)
    {
        int from = Math.Max(0, left), to = Math.Min(Width, left + source.Width);
        for (int y = Math.Max(0, top); from < to && y < Math.Min(Height, top + source.Height); y++)
        {
            source.Row(y - top).Slice((from - left) * Channels, (to - from) * Channels).CopyTo(Row(y)[(from * Channels)..]);
        }
    }
}
