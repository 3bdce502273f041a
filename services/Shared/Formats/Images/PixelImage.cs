namespace Brownian.Formats.Images;

/// <summary>An image in red, green and blue of 8 bits.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Rgb">Red, green, blue, row by row: 3 x width x height bytes.</param>
public sealed record PixelImage(int Width, int Height, byte[] Rgb) : Raster(Width, Height, 3, Rgb)
{
    /// <summary>Red, green, blue, row by row: 3 x width x height bytes.</summary>
    public byte[] Rgb => Pixels;

    /// <summary>The image of a decoder's output.</summary>
    /// <param name="values">[3, height, width] in about [-1, 1].</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
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

    /// <summary>The image as an encoder takes it.</summary>
    /// <param name="destination">[3, height, width] in [-1, 1].</param>
    public void ToModel(Span<float> destination)
    {
        int plane = Width * Height;
        for (int channel = 0; channel < 3; channel++)
        {
            for (int i = 0; i < plane; i++)
            {
                // Two roundings, as the reference divides before it stretches.
                destination[channel * plane + i] = 2 * (Rgb[3 * i + channel] / 255f) - 1;
            }
        }
    }
}
