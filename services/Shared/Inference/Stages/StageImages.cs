using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Imaging.Preparation;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>
/// The images that a request names, decoded by the stages that need their pixels. A gateway checks them without decoding, so one that is
/// damaged within its pixels is found here; the fault names the request's field.
/// </summary>
internal static class StageImages
{
    /// <summary>An image.</summary>
    /// <param name="context">The stage's.</param>
    /// <param name="id">What the settings name it by.</param>
    /// <param name="field">The request's field.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <param name="warns">Whether the client is told of what is read otherwise than it looks; once for each image.</param>
    /// <exception cref="FieldFaultException">It is gone, or cannot be decoded.</exception>
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
                $"{field} is a grey image of 16 bits, whose levels above 255 of 65535 all become white, as in the reference: save it with 8 bits",
                cancellationToken).ConfigureAwait(false);
        }
        return image;
    }

    /// <summary>A mask: white is made anew; alpha is not read.</summary>
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
                + "which is not read; white marks what is made anew, black what stays",
                cancellationToken).ConfigureAwait(false);
        }
        return mask;
    }

    /// <summary>The part of an image around what a mask marks.</summary>
    /// <exception cref="FieldFaultException">The mask marks nothing.</exception>
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
