using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Imaging;
using Brownian.Inference.Engines;

namespace Brownian.Inference.Stages;

/// <summary>
/// Decodes an unfinished image as PNG: its current latents are decoded by the model's small decoder (AutoencoderTiny, <c>preview_decoder</c>) or by
/// its own.
/// </summary>
public static class LatentPreview
{
    /// <summary>Creates a preview of pixels.</summary>
    /// <param name="pixels">[1, 3, height, width] in about [-1, 1].</param>
    /// <param name="size">The longer side in pixels; null for the size of the image.</param>
    public static byte[] OfPixels(Tensor pixels, int? size) =>
        ImageWriter.EncodePreview(PixelImage.FromModel(pixels.Values, pixels.Shape[3], pixels.Shape[2]), size);

    /// <summary>Creates a preview of latents.</summary>
    /// <param name="engines">The engines that provide decoders.</param>
    /// <param name="model">The model's name.</param>
    /// <param name="fingerprint">The expected fingerprint; null or empty for any.</param>
    /// <param name="latents">[1, channels, height, width].</param>
    /// <param name="size">The longer side in pixels; null for the size of the image.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    public static async Task<byte[]> MakeAsync(
        IEngines engines, string model, string? fingerprint, Tensor latents, int? size, CancellationToken cancellationToken)
    {
        using EngineLease<IVaeDecoder> decoder = await engines.PreviewDecoderAsync(model, fingerprint, cancellationToken).ConfigureAwait(false);
        return ImageWriter.EncodePreview(await decoder.Engine.DecodeAsync(latents, tiled: true, cancellationToken).ConfigureAwait(false), size);
    }
}
