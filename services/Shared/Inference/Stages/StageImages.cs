using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Imaging.Preparation;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>
/// The images that a request names, decoded by the stages that need their pixels. A gateway checks images without decoding them, so an image with
/// damaged pixel data is detected here. The fault names the request's field.
/// </summary>
internal static class StageImages
{
    /// <summary>Reads an image.</summary>
    /// <param name="context">The stage's context.</param>
    /// <param name="id">The image's id in the settings.</param>
    /// <param name="field">The request's field.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <param name="warns">Whether the client is warned when an image is interpreted differently than it appears; once for each image.</param>
    /// <exception cref="FieldFaultException">The image no longer exists, or cannot be decoded.</exception>
    public static async Task<Raster> ReadAsync(IStageContext context, string id, string field, CancellationToken cancellationToken, bool warns = true)
    {
        ReadOnlyMemory<byte> file = await context.ImageAsync(id, cancellationToken).ConfigureAwait(false);
        Raster image;
        try
        {
            image = ImageReader.Read(file.Span);
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault(field, exception.Message));
        }
        if (warns && ImageInspector.CutsLevels(file.Span) && image.Pixels.AsSpan().Contains(byte.MaxValue))
        {
            await context.WarnAsync(
                $"{field} is a grey image of 16 bits, whose levels above 255 of 65535 all become white, as in the reference; save it with 8 bits",
                cancellationToken).ConfigureAwait(false);
        }
        return image;
    }

    /// <summary>Reads a mask. White is regenerated; alpha is ignored.</summary>
    /// <inheritdoc cref="ReadAsync"/>
    public static async Task<Raster> ReadMaskAsync(IStageContext context, string id, CancellationToken cancellationToken, bool warns = true)
    {
        const string Field = "mask";
        Raster mask = await ReadAsync(context, id, Field, cancellationToken, warns).ConfigureAwait(false);
        if (warns && mask.Channels == 4 && IsPlain(mask.ToGrey().Pixels, 1, 0) && !IsPlain(mask.Pixels, 4, 3))
        {
            await context.WarnAsync(
                $"{Field} marks {(mask.ToGrey().Pixels[0] < 128 ? "nothing" : "everything")}: its colours are all the same, "
                    + $"and its marks are in its alpha channel, "
                + "which is not read; white marks what is generated again, black what stays",
                cancellationToken).ConfigureAwait(false);
        }
        return mask;
    }

    /// <summary>Returns the region of an image around the marked area of a mask.</summary>
    /// <exception cref="FieldFaultException">The mask is black.</exception>
    public static CropRegion Around(Raster mask, int width, int height, int padding)
    {
        try
        {
            return CropRegion.Around(mask, width, height, padding);
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("mask", exception.Message));
        }
    }

    private static bool IsPlain(byte[] pixels, int channels, int channel)
    {
        for (int i = channel; i < pixels.Length; i += channels)
        {
            if (pixels[i] != pixels[channel])
            {
                return false;
            }
        }
        return true;
    }
}
