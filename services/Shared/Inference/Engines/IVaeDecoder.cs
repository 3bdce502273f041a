using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>Turns latents into an image.</summary>
public interface IVaeDecoder
{
    /// <summary>Decodes one image.</summary>
    /// <param name="latents">[1, channels, height, width], before the division by the scaling factor.</param>
    /// <param name="tiled">Whether it is done in tiles where a side is longer than one.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <param name="withoutShift">Whether the VAE's shift is left out.</param>
    Task<PixelImage> DecodeAsync(Tensor latents, bool tiled, CancellationToken cancellationToken, bool withoutShift = false);
}
