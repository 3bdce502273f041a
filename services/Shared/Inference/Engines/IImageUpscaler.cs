using Brownian.Formats.Images;

namespace Brownian.Inference.Engines;

/// <summary>Enlarges images by one run of a graph, without noise or prompt.</summary>
public interface IImageUpscaler
{
    /// <summary>Enlarges one image.</summary>
    /// <param name="image">An image of any size.</param>
    /// <param name="tile">
    /// The side of tiles in pixels of the input image; 0 for no tiles, null for the engine's default. Tiles are enlarged when an overlap of the
    /// graph's receptive field needs it.
    /// </param>
    /// <param name="overlap">
    /// The minimum number of input pixels that neighboring tiles share. The overlap is larger when the graph's receptive field is larger.
    /// </param>
    /// <param name="cancellationToken">Stops within a tile.</param>
    /// <returns>The image, enlarged by the graph's scale on each side.</returns>
    Task<PixelImage> UpscaleAsync(PixelImage image, int? tile, int overlap, CancellationToken cancellationToken);
}
