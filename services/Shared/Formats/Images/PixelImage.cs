namespace Brownian.Formats.Images;

/// <summary>An image in red, green and blue with 8 bits each.</summary>
/// <param name="Width">The width in pixels.</param>
/// <param name="Height">The height in pixels.</param>
/// <param name="Rgb">Red, green, blue, row by row: 3 x width x height bytes.</param>
public sealed record PixelImage(int Width, int Height, byte[] Rgb) : Raster(Width, Height, 3, Rgb)
{
    /// <summary>Red, green, blue, row by row: 3 x width x height bytes.</summary>
    public byte[] Rgb => Pixels;

    /// <summary>Converts a decoder's output to an image.</summary>
    /// <param name="values">The output, [3, height, width] in about [-1, 1].</param>
    /// <param name="width">The width in pixels.</param>
    /// <param name="height">The height in pixels.</param>
    public static PixelImage FromModel(ReadOnlySpan<float> values, int width, int height)
    {
        int plane = width * height;
        var rgb = new byte[3 * plane];
        for (int channel = 0; channel < 3; channel++)
        {
            ReadOnlySpan<float> source = values.Slice(channel * plane, plane);
            for (int i = 0; i < plane; i++)
            {
                // numpy rounds halves to even.
                rgb[3 * i + channel] = (byte)MathF.Round(Math.Clamp(source[i] * 0.5f + 0.5f, 0, 1) * 255, MidpointRounding.ToEven);
            }
        }
        return new PixelImage(width, height, rgb);
    }

    /// <summary>Converts the image to an encoder's input.</summary>
    /// <param name="destination">The destination, [3, height, width] in [-1, 1].</param>
    public void ToModel(Span<float> destination)
    {
        int plane = Width * Height;
        for (int channel = 0; channel < 3; channel++)
        {
            for (int i = 0; i < plane; i++)
            {
                // Rounded twice, because the reference divides before it scales.
                destination[channel * plane + i] = 2 * (Rgb[3 * i + channel] / 255f) - 1;
            }
        }
    }
}
