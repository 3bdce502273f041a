using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Imaging;
using Brownian.Inference.Engines;

namespace Brownian.Inference.Stages;

/// <summary>
/// A picture on its way, as PNG: its latents as they are, through the model's small decoder (AutoencoderTiny, <c>preview_decoder</c>) or its own.
/// </summary>
public static class LatentPreview
{
    /// <summary>Makes one of pixels.</summary>
    /// <param name="pixels">[1, 3, height, width] in about [-1, 1].</param>
    /// <param name="size">The longer side in pixels; null for the image's own.</param>
    public static byte[] OfPixels(Tensor pixels, int? size) =>
        ImageWriter.EncodePreview(PixelImage.FromModel(pixels.Values, pixels.Shape[3], pixels.Shape[2]), size);

    /// <summary>Makes one of latents.</summary>
    /// <param name="engines">Where decoders are.</param>
    /// <param name="model">The model's name.</param>
    /// <param name="fingerprint">What its fingerprint must be; null or empty for any.</param>
    /// <param name="latents">[1, channels, height, width].</param>
    /// <param name="size">The longer side in pixels; null for the image's own.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    public static async Task<byte[]> MakeAsync(
        IEngines engines, string model, string? fingerprint, Tensor latents, int? size, CancellationToken cancellationToken)
    {
        using EngineLease<IVaeDecoder> decoder = await engines.PreviewDecoderAsync(model, fingerprint, cancellationToken).ConfigureAwait(false);
        return ImageWriter.EncodePreview(await decoder.Engine.DecodeAsync(latents, tiled: true, cancellationToken).ConfigureAwait(false), size);
    }
}
