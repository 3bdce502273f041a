using Brownian.Formats.Images;

namespace Brownian.Imaging.Preparation;

/// <summary>
/// Multiplies colors by alpha and divides them again, in Pillow's integers (modes RGBA and RGBa; <c>Convert.c</c>, <c>ImagingUtils.h</c>).
/// </summary>
internal static class Alpha
{
    /// <summary>Converts RGBA to RGBa, with rounded colors.</summary>
    public static Raster Multiply(Raster image)
    {
        byte[] from = image.Pixels;
        var to = new byte[from.Length];
        for (int i = 0; i < from.Length; i += 4)
        {
            int alpha = from[i + 3];
            to[i] = (byte)DivideBy255(from[i] * alpha);
            to[i + 1] = (byte)DivideBy255(from[i + 1] * alpha);
            to[i + 2] = (byte)DivideBy255(from[i + 2] * alpha);
            to[i + 3] = (byte)alpha;
        }
        return new Raster(image.Width, image.Height, 4, to);
    }

    /// <summary>Converts RGBa to RGBA, with truncated colors. Colors with an alpha of 0 are unchanged.</summary>
    public static Raster Divide(Raster image)
    {
        byte[] from = image.Pixels;
        var to = (byte[])from.Clone();
        for (int i = 0; i < to.Length; i += 4)
        {
            int alpha = from[i + 3];
            if (alpha is > 0 and < 255)
            {
                to[i] = (byte)Math.Min(255, 255 * from[i] / alpha);
                to[i + 1] = (byte)Math.Min(255, 255 * from[i + 1] / alpha);
                to[i + 2] = (byte)Math.Min(255, 255 * from[i + 2] / alpha);
            }
        }
        return new Raster(image.Width, image.Height, 4, to);
    }

    /// <summary>Returns the product of two levels as a level, rounded.</summary>
    public static int DivideBy255(int product)
    {
        product += 128;
        return ((product >> 8) + product) >> 8;
    }
}
