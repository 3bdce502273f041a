using Brownian.Formats.Images;

namespace Brownian.Imaging.Preparation;

/// <summary>A rectangle of an image, in pixels. Right and bottom are exclusive.</summary>
/// <param name="Left">The first column.</param>
/// <param name="Top">The first row.</param>
/// <param name="Right">The column after the last.</param>
/// <param name="Bottom">The row after the last.</param>
public readonly record struct CropRegion(int Left, int Top, int Right, int Bottom)
{
    /// <summary>The width in pixels.</summary>
    public int Width => Right - Left;

    /// <summary>The height in pixels.</summary>
    public int Height => Bottom - Top;

    /// <summary>
    /// Returns the rectangle around everything that a mask marks, extended to an aspect ratio and moved back into the image. When the image is too
    /// small for that, the aspect ratio differs (<c>VaeImageProcessor.get_crop_region</c> in diffusers).
    /// </summary>
    /// <param name="mask">The mask; every level other than 0 is marked.</param>
    /// <param name="width">The width of the aspect ratio, at least 1.</param>
    /// <param name="height">The height of the aspect ratio, at least 1.</param>
    /// <param name="padding">The number of pixels to add on every side first, at least 0.</param>
    /// <exception cref="InvalidDataException">The mask is black.</exception>
    public static CropRegion Around(Raster mask, int width, int height, int padding)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        (int left, int top, int right, int bottom) = Marked(mask.ToGrey());
        left = Math.Max(left - padding, 0);
        top = Math.Max(top - padding, 0);
        right = (int)Math.Min((long)right + padding, mask.Width);
        bottom = (int)Math.Min((long)bottom + padding, mask.Height);
        double wanted = (double)width / height;
        if ((double)(right - left) / (bottom - top) > wanted)
        {
            (top, bottom) = Grow(top, bottom, (right - left) / wanted, mask.Height);
        }
        else
        {
            (left, right) = Grow(left, right, (bottom - top) * wanted, mask.Width);
        }
        return new CropRegion(left, top, right, bottom);
    }

    private static CropRegion Marked(Raster grey)
    {
        int left = grey.Width, top = grey.Height, right = 0, bottom = 0;
        for (int y = 0; y < grey.Height; y++)
        {
            ReadOnlySpan<byte> row = grey.Row(y);
            int first = row.IndexOfAnyExcept((byte)0);
            if (first >= 0)
            {
                left = Math.Min(left, first);
                right = Math.Max(right, row.LastIndexOfAnyExcept((byte)0) + 1);
                top = Math.Min(top, y);
                bottom = y + 1;
            }
        }
        return bottom > 0
            ? new CropRegion(left, top, right, bottom)
            : throw new InvalidDataException("is a mask that marks nothing: every pixel is black");
    }

    private static (int From, int To) Grow(int from, int to, double length, int limit)
    {
        int missing = (int)Math.Min(length - (to - from), int.MaxValue / 2);
        from -= missing / 2;
        to += missing - missing / 2;
        if (to >= limit)
        {
            from -= to - limit;
            to = limit;
        }
        if (from < 0)
        {
            to -= from;
            from = 0;
        }
        return (from, Math.Min(to, limit));
    }
}
