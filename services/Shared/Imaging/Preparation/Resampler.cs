using System.Runtime.Intrinsics;
using Brownian.Formats.Images;

namespace Brownian.Imaging.Preparation;

/// <summary>
/// Pillow's <c>Image.resize</c>, byte for byte (<c>Image.py</c>, <c>Resample.c</c>, <c>Geometry.c</c>): two passes of integer arithmetic with 22
/// fractional bits, rounded to integer levels in between. The order of the passes is that of Pillow 13: rows first when the height shrinks by more
/// than twice as much as the width. Pillow 12 and older always processed columns first, with different results in that case.
/// </summary>
public static class Resampler
{
    /// <summary>Returns the image at another size.</summary>
    /// <param name="image">
    /// An image of 1, 3 or 4 channels. The colors of 4 channels are weighted by their alpha, except with <see cref="ResampleFilter.Nearest"/>.
    /// </param>
    /// <param name="width">The new width in pixels, at least 1.</param>
    /// <param name="height">The new height in pixels, at least 1.</param>
    /// <param name="filter">The filter.</param>
    /// <returns>An image of the same number of channels; the image itself when the size is the same.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1.</exception>
    public static Raster Resize(Raster image, int width, int height, ResampleFilter filter) =>
        width == image.Width && height == image.Height ? image : Resize(image, width, height, filter, 0, 0, image.Width, image.Height);

    /// <summary>Returns a part of the image at another size. An empty part repeats the pixels at its position.</summary>
    internal static Raster Resize(Raster image, int width, int height, ResampleFilter filter, int left, int top, int right, int bottom)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (filter == ResampleFilter.Nearest)
        {
            return Nearest(image, width, height, left, top, right, bottom);
        }
        if (image.Channels == 4)
        {
            return Alpha.Divide(Passes(Alpha.Multiply(image), width, height, filter, left, top, right, bottom));
        }
        return Passes(image, width, height, filter, left, top, right, bottom);
    }

    private static Raster Passes(Raster image, int width, int height, ResampleFilter filter, int left, int top, int right, int bottom)
    {
        bool columns = width != image.Width || left != 0 || right != image.Width;
        bool rows = height != image.Height || top != 0 || bottom != image.Height;
        bool rowsFirst = height < image.Height && image.Height - height > 2 * (image.Width - width);
        if (rows && rowsFirst)
        {
            image = Rows(image, new ResampleWeights(image.Height, top, bottom, height, filter), height);
        }
        if (columns)
        {
            image = Columns(image, new ResampleWeights(image.Width, left, right, width, filter), width);
        }
        if (rows && !rowsFirst)
        {
            image = Rows(image, new ResampleWeights(image.Height, top, bottom, height, filter), height);
        }
        return image;
    }

    private static Raster Columns(Raster image, ResampleWeights weights, int width)
    {
        int channels = image.Channels;
        var result = new Raster(width, image.Height, channels, new byte[width * image.Height * channels]);
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> source = image.Row(y);
            Span<byte> destination = result.Row(y);
            for (int x = 0; x < width; x++)
            {
                ReadOnlySpan<int> window = weights.At(x, out int start);
                ReadOnlySpan<byte> pixels = source.Slice(start * channels, window.Length * channels);
                int first = ResampleWeights.Half, second = first, third = first, fourth = first;
                switch (channels)
                {
                    case 1:
                        for (int i = 0; i < pixels.Length; i++)
                        {
                            first += pixels[i] * window[i];
                        }
                        destination[x] = Level(first);
                        break;
                    case 3:
                        foreach (int weight in window)
                        {
                            first += pixels[0] * weight;
                            second += pixels[1] * weight;
                            third += pixels[2] * weight;
                            pixels = pixels[3..];
                        }
                        destination[3 * x] = Level(first);
                        destination[3 * x + 1] = Level(second);
                        destination[3 * x + 2] = Level(third);
                        break;
                    default:
                        foreach (int weight in window)
                        {
                            first += pixels[0] * weight;
                            second += pixels[1] * weight;
                            third += pixels[2] * weight;
                            fourth += pixels[3] * weight;
                            pixels = pixels[4..];
                        }
                        destination[4 * x] = Level(first);
                        destination[4 * x + 1] = Level(second);
                        destination[4 * x + 2] = Level(third);
                        destination[4 * x + 3] = Level(fourth);
                        break;
                }
            }
        }
        return result;
    }

    private static Raster Rows(Raster image, ResampleWeights weights, int height)
    {
        int stride = image.Width * image.Channels;
        var result = new Raster(image.Width, height, image.Channels, new byte[stride * height]);
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<int> window = weights.At(y, out int start);
            ReadOnlySpan<byte> source = image.Pixels.AsSpan(start * stride, window.Length * stride);
            Span<byte> destination = result.Row(y);
            int x = 0;
            for (; x <= stride - Vector128<byte>.Count; x += Vector128<byte>.Count)
            {
                Vector128<int> a = Vector128.Create(ResampleWeights.Half), b = a, c = a, d = a;
                for (int i = 0, at = x; i < window.Length; i++, at += stride)
                {
                    (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(Vector128.Create(source[at..]));
                    (Vector128<uint> w0, Vector128<uint> w1) = Vector128.Widen(low);
                    (Vector128<uint> w2, Vector128<uint> w3) = Vector128.Widen(high);
                    Vector128<int> weight = Vector128.Create(window[i]);
                    a += w0.AsInt32() * weight;
                    b += w1.AsInt32() * weight;
                    c += w2.AsInt32() * weight;
                    d += w3.AsInt32() * weight;
                }
                Vector128.Narrow(Vector128.Narrow(Levels(a), Levels(b)), Vector128.Narrow(Levels(c), Levels(d))).CopyTo(destination[x..]);
            }
            for (; x < stride; x++)
            {
                int sum = ResampleWeights.Half;
                for (int i = 0, at = x; i < window.Length; i++, at += stride)
                {
                    sum += source[at] * window[i];
                }
                destination[x] = Level(sum);
            }
        }
        return result;
    }

    private static Vector128<uint> Levels(Vector128<int> sums) =>
        Vector128.Clamp(sums >> ResampleWeights.Precision, Vector128<int>.Zero, Vector128.Create<int>(byte.MaxValue)).AsUInt32();

    private static byte Level(int sum) => (byte)Math.Clamp(sum >> ResampleWeights.Precision, 0, byte.MaxValue);

    private static Raster Nearest(Raster image, int width, int height, int left, int top, int right, int bottom)
    {
        int channels = image.Channels;
        var result = new Raster(width, height, channels, new byte[width * height * channels]);
        int[] columns = Positions(left, right, width), rows = Positions(top, bottom, height);
        for (int y = 0; y < height; y++)
        {
            if (rows[y] >= image.Height)
            {
                continue;
            }
            ReadOnlySpan<byte> source = image.Row(rows[y]);
            Span<byte> destination = result.Row(y);
            for (int x = 0; x < width; x++)
            {
                // A sum that has drifted past the edge selects no pixel, as in Pillow.
                if (columns[x] < image.Width)
                {
                    source.Slice(columns[x] * channels, channels).CopyTo(destination[(x * channels)..]);
                }
            }
        }
        return result;
    }

    private static int[] Positions(int from, int to, int count)
    {
        double step = (double)(to - from) / count;
        double position = from + step * 0.5;
        var positions = new int[count];
        for (int i = 0; i < count; i++)
        {
            positions[i] = (int)position;
            // Summed and not multiplied, because the roundings accumulate in Pillow, too.
            position += step;
        }
        return positions;
    }
}
