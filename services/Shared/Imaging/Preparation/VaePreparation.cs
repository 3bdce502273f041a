using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Imaging.Preparation;

/// <summary>
/// Pictures and masks as a VAE encoder takes them, number for number as diffusers' <c>VaeImageProcessor</c> makes them (<c>image_processor.py</c>).
/// </summary>
/// <param name="Multiple">Sides are cut down to a multiple of it, at least 1: the VAE's scale factor.</param>
/// <param name="Filter">How images are resized.</param>
public sealed record VaePreparation(int Multiple = 8, ResampleFilter Filter = ResampleFilter.Lanczos)
{
    /// <summary>An image as numbers.</summary>
    /// <param name="image">1, 3 or 4 channels; alpha is dropped, grey is repeated.</param>
    /// <param name="width">Pixels, cut down to the multiple; null for the image's own.</param>
    /// <param name="height">Pixels, cut down to the multiple; null for the image's own.</param>
    /// <param name="mode">What happens where the proportions differ.</param>
    /// <param name="crop">The part that is taken, before anything else; null for all of it.</param>
    /// <param name="normalize">Whether the numbers are in [-1, 1]; otherwise in [0, 1], as for control images.</param>
    /// <param name="resizesAlpha">
    /// Whether alpha is dropped after the resizing instead of before it, as the reference's processor for control images does: transparent parts
    /// then become black.
    /// </param>
    /// <returns>[1, 3, height, width].</returns>
    /// <exception cref="InvalidDataException">The image is too small or too narrow.</exception>
    public Tensor Prepare(
        Raster image, int? width = null, int? height = null, ResizeMode mode = ResizeMode.Stretch, CropRegion? crop = null, bool normalize = true,
        bool resizesAlpha = false)
    {
        PixelImage sized = Size(image, width, height, mode, crop, resizesAlpha).ToRgb();
        var tensor = new Tensor(new float[3 * sized.Width * sized.Height], [1, 3, sized.Height, sized.Width]);
        if (normalize)
        {
            sized.ToModel(tensor.Values);
            return tensor;
        }
        int plane = sized.Width * sized.Height;
        for (int channel = 0; channel < 3; channel++)
        {
            Span<float> values = tensor.Values.AsSpan(channel * plane, plane);
            for (int i = 0; i < plane; i++)
            {
                values[i] = sized.Rgb[3 * i + channel] / 255f;
            }
        }
        return tensor;
    }

    /// <summary>A mask as numbers: 1 where it is at least half white, 0 elsewhere. Colours are resized before they become grey, as there.</summary>
    /// <param name="mask">1, 3 or 4 channels; alpha is dropped first.</param>
    /// <param name="width">Pixels, cut down to the multiple; null for the mask's own.</param>
    /// <param name="height">Pixels, cut down to the multiple; null for the mask's own.</param>
    /// <param name="mode">What happens where the proportions differ.</param>
    /// <param name="crop">The part that is taken, before anything else; null for all of it.</param>
    /// <returns>[1, 1, height, width]. At latent size: <see cref="Interpolation.Resize"/>, nearest.</returns>
    /// <exception cref="InvalidDataException">The mask is too small or too narrow.</exception>
    public Tensor PrepareMask(Raster mask, int? width = null, int? height = null, ResizeMode mode = ResizeMode.Stretch, CropRegion? crop = null)
    {
        Raster grey = Size(mask, width, height, mode, crop).ToGrey();
        var values = new float[grey.Pixels.Length];
        for (int i = 0; i < values.Length; i++)
        {
            // level / 255 >= 0.5
            values[i] = grey.Pixels[i] >= 128 ? 1 : 0;
        }
        return new Tensor(values, [1, 1, grey.Height, grey.Width]);
    }

    /// <summary>An image at another size.</summary>
    /// <param name="image">1, 3 or 4 channels.</param>
    /// <param name="width">Pixels, at least 1; not cut down.</param>
    /// <param name="height">Pixels, at least 1; not cut down.</param>
    /// <param name="mode">What happens where the proportions differ. Stretching keeps the channels, the others give 3.</param>
    /// <exception cref="InvalidDataException">The image is so narrow that nothing of it would be left in the wanted proportion.</exception>
    public Raster Resize(Raster image, int width, int height, ResizeMode mode) => mode switch
    {
        ResizeMode.Stretch => Resampler.Resize(image, width, height, Filter),
        ResizeMode.Fill => Fill(image, width, height),
        ResizeMode.Crop => Cover(image, width, height),
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, null),
    };

    private Raster Size(Raster image, int? width, int? height, ResizeMode mode, CropRegion? crop, bool resizesAlpha = false)
    {
        // Files come as RGB there, whatever they were; the control images' processor alone is given them as they are.
        image = image.Channels == 4 && !resizesAlpha ? image.ToRgb() : image;
        if (crop is { } part)
        {
            image = image.Crop(part.Left, part.Top, part.Width, part.Height);
        }
        int wide = width ?? image.Width, high = height ?? image.Height;
        wide -= wide % Multiple;
        high -= high % Multiple;
        return wide > 0 && high > 0
            ? Resize(image, wide, high, mode)
            : throw new InvalidDataException($"is {image.Width}x{image.Height} pixels; allowed: at least {Multiple} on each side");
    }

    private PixelImage Fill(Raster image, int width, int height)
    {
        double wanted = (double)width / height, own = (double)image.Width / image.Height;
        PixelImage resized = Fit(image, width, height, wide: wanted < own);
        var filled = new PixelImage(width, height, new byte[3 * width * height]);
        int left = width / 2 - resized.Width / 2, top = height / 2 - resized.Height / 2;
        filled.Paste(resized, left, top);
        // The margins are Pillow's default resize, bicubic, of an empty part at the edge.
        if (wanted < own && top > 0)
        {
            filled.Paste(Resampler.Resize(resized, width, top, ResampleFilter.Bicubic, 0, 0, width, 0), 0, 0);
            filled.Paste(
                Resampler.Resize(resized, width, top, ResampleFilter.Bicubic, 0, resized.Height, width, resized.Height), 0, top + resized.Height);
        }
        else if (wanted > own && left > 0)
        {
            filled.Paste(Resampler.Resize(resized, left, height, ResampleFilter.Bicubic, 0, 0, 0, height), 0, 0);
            filled.Paste(
                Resampler.Resize(resized, left, height, ResampleFilter.Bicubic, resized.Width, 0, resized.Width, height), left + resized.Width, 0);
        }
        return filled;
    }

    private PixelImage Cover(Raster image, int width, int height)
    {
        PixelImage resized = Fit(image, width, height, wide: (double)width / height > (double)image.Width / image.Height);
        var covered = new PixelImage(width, height, new byte[3 * width * height]);
        covered.Paste(resized, width / 2 - resized.Width / 2, height / 2 - resized.Height / 2);
        return covered;
    }

    /// <summary>The image in its own proportion, as wide as wanted or as high as wanted.</summary>
    private PixelImage Fit(Raster image, int width, int height, bool wide)
    {
        long fitWidth = wide ? width : (long)image.Width * height / image.Height;
        long fitHeight = wide ? (long)image.Height * width / image.Width : height;
        if (fitWidth == 0 || fitHeight == 0)
        {
            throw new InvalidDataException($"is {image.Width}x{image.Height} pixels, too narrow to be shown in {width}x{height}");
        }
        const long MaxPixels = 1 << 28;
        if (fitWidth * fitHeight > MaxPixels)
        {
            throw new InvalidDataException($"is {image.Width}x{image.Height} pixels, too narrow to cover {width}x{height}");
        }
        return Resampler.Resize(image, (int)fitWidth, (int)fitHeight, Filter).ToRgb();
    }
}
