using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>Decodes latents to an image.</summary>
public interface IVaeDecoder
{
    /// <summary>Decodes one image.</summary>
    /// <param name="latents">[1, channels, height, width], before the division by the scaling factor.</param>
    /// <param name="tiled">Whether to decode in tiles when a side is longer than a tile's.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <param name="withoutShift">Whether the VAE's shift is skipped.</param>
    Task<PixelImage> DecodeAsync(Tensor latents, bool tiled, CancellationToken cancellationToken, bool withoutShift = false);
}
