using Brownian.Formats.Images;

namespace Brownian.Imaging.Preparation;

/// <summary>Pastes the unmasked area over a generated image: diffusers' <c>VaeImageProcessor.apply_overlay</c> in Pillow's integers.</summary>
public static class MaskOverlay
{
    private const int Precision = 7;

    /// <summary>Returns the first image where the mask is black, the generated one where it is white, and a mixture in between.</summary>
    /// <param name="mask">The mask, with the size of <paramref name="first"/>; white was generated.</param>
    /// <param name="first">The input image.</param>
    /// <param name="generated">The generated image; of any size with a crop, otherwise of the size of <paramref name="first"/>.</param>
    /// <param name="crop">
    /// The part of <paramref name="first"/> that was generated. The generated image is resized to cover it, and anything outside it is cropped.
    /// </param>
    /// <returns>An image of the size of <paramref name="first"/>.</returns>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    public static PixelImage Apply(Raster mask, Raster first, Raster generated, CropRegion? crop)
    {
        if (crop is { } part)
        {
            var canvas = new PixelImage(first.Width, first.Height, new byte[3 * first.Width * first.Height]);
            canvas.Paste(new VaePreparation().Resize(generated, part.Width, part.Height, ResizeMode.Crop), part.Left, part.Top);
            generated = canvas;
        }
        SameSize(first, mask, nameof(mask));
        SameSize(first, generated, nameof(generated));
        Raster grey = mask.ToGrey(), over = Alpha.Multiply(first.ToRgba());
        for (int i = 0; i < grey.Pixels.Length; i++)
        {
            int kept = byte.MaxValue - grey.Pixels[i];
            for (int channel = 4 * i; channel < 4 * i + 4; channel++)
            {
                over.Pixels[channel] = (byte)Alpha.DivideBy255(over.Pixels[channel] * kept);
            }
        }
        over = Alpha.Divide(over);
        var result = new PixelImage(first.Width, first.Height, (byte[])generated.ToRgb().Rgb.Clone());
        for (int from = 0, to = 0; from < over.Pixels.Length; from += 4, to += 3)
        {
            if (over.Pixels[from + 3] is > 0 and byte alpha)
            {
                Compose(over.Pixels.AsSpan(from, 3), alpha, result.Rgb.AsSpan(to, 3));
            }
        }
        return result;
    }

    /// <summary>Composes a color over an opaque one (Pillow's <c>AlphaComposite.c</c>, 7 additional bits).</summary>
    private static void Compose(ReadOnlySpan<byte> over, int alpha, Span<byte> under)
    {
        const int Whole = byte.MaxValue * (1 << Precision);
        // The two alphas sum up to 255, because the lower color is opaque.
        int share = alpha * Whole / byte.MaxValue, rest = Whole - share;
        for (int channel = 0; channel < 3; channel++)
        {
            int sum = over[channel] * share + under[channel] * rest + (0x80 << Precision);
            under[channel] = (byte)((((sum >> 8) + sum) >> 8) >> Precision);
        }
    }

    private static void SameSize(Raster first, Raster other, string name)
    {
        if (other.Width != first.Width || other.Height != first.Height)
        {
            throw new ArgumentException($"It is {other.Width}x{other.Height} pixels, the first image {first.Width}x{first.Height}", name);
        }
    }
}
