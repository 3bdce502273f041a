using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Imaging.Preparation;

/// <summary>
/// Prepares images and masks for a VAE encoder, with the same numbers as diffusers' <c>VaeImageProcessor</c> (<c>image_processor.py</c>).
/// </summary>
/// <param name="Multiple">The number, at least 1, that sides are rounded down to a multiple of: the VAE's scale factor.</param>
/// <param name="Filter">The filter for resizing images.</param>
public sealed record VaePreparation(int Multiple = 8, ResampleFilter Filter = ResampleFilter.Lanczos)
{
    /// <summary>Converts an image to a tensor.</summary>
    /// <param name="image">An image of 1, 3 or 4 channels; alpha is dropped, gray is repeated.</param>
    /// <param name="width">The width in pixels, rounded down to the multiple; null for the image's width.</param>
    /// <param name="height">The height in pixels, rounded down to the multiple; null for the image's height.</param>
    /// <param name="mode">The resize mode for another aspect ratio.</param>
    /// <param name="crop">The part that is cropped first; null for the whole image.</param>
    /// <param name="normalize">Whether the numbers are in [-1, 1]; otherwise in [0, 1], as for control images.</param>
    /// <param name="resizesAlpha">
    /// Whether alpha is dropped after resizing instead of before, as in the reference's processor for control images. Transparent parts then become
    /// black.
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

    /// <summary>
    /// Converts a mask to a tensor: 1 where the mask is at least half white, 0 elsewhere. Colors are resized before they are converted to gray, as in
    /// diffusers.
    /// </summary>
    /// <param name="mask">A mask of 1, 3 or 4 channels; alpha is dropped first.</param>
    /// <param name="width">The width in pixels, rounded down to the multiple; null for the mask's width.</param>
    /// <param name="height">The height in pixels, rounded down to the multiple; null for the mask's height.</param>
    /// <param name="mode">The resize mode for another aspect ratio.</param>
    /// <param name="crop">The part that is cropped first; null for the whole mask.</param>
    /// <returns>[1, 1, height, width]. For the latent size use <see cref="Interpolation.Resize"/>, nearest.</returns>
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

    /// <summary>Returns an image at another size.</summary>
    /// <param name="image">An image of 1, 3 or 4 channels.</param>
    /// <param name="width">The width in pixels, at least 1; not rounded down.</param>
    /// <param name="height">The height in pixels, at least 1; not rounded down.</param>
    /// <param name="mode">The resize mode for another aspect ratio. Stretching keeps the channels; the other modes return 3.</param>
    /// <exception cref="InvalidDataException">The image is so narrow that nothing of it would remain at the requested aspect ratio.</exception>
    public Raster Resize(Raster image, int width, int height, ResizeMode mode) => mode switch
    {
        ResizeMode.Stretch => Resampler.Resize(image, width, height, Filter),
        ResizeMode.Fill => Fill(image, width, height),
        ResizeMode.Crop => Cover(image, width, height),
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, null),
    };

    private Raster Size(Raster image, int? width, int? height, ResizeMode mode, CropRegion? crop, bool resizesAlpha = false)
    {
        // In diffusers, files are converted to RGB when they are loaded; only the processor for control images receives them unconverted.
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
        // The margins are Pillow's default resize, bicubic, of an empty part at the edge of the image.
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

    /// <summary>Returns the image with its aspect ratio, at the requested width or at the requested height.</summary>
    private PixelImage Fit(Raster image, int width, int height, bool wide)
    {
        long fitWidth = wide ? width : (long)image.Width * height / image.Height;
        long fitHeight = wide ? (long)image.Height * width / image.Width : height;
        if (fitWidth == 0 || fitHeight == 0)
        {
            throw new InvalidDataException($"is {image.Width}x{image.Height} pixels, too narrow to fit in {width}x{height}");
        }
        const long MaxPixels = 1 << 28;
        if (fitWidth * fitHeight > MaxPixels)
        {
            throw new InvalidDataException($"is {image.Width}x{image.Height} pixels, too narrow to cover {width}x{height}");
        }
        return Resampler.Resize(image, (int)fitWidth, (int)fitHeight, Filter).ToRgb();
    }
}
