using Brownian.Formats.Images;

namespace Brownian.Inference.Engines;

/// <summary>Makes images larger by one run of a graph, without noise or prompt.</summary>
public interface IImageUpscaler
{
    /// <summary>Makes one image larger.</summary>
    /// <param name="image">Of any size.</param>
    /// <param name="tile">The side of tiles in the image's pixels; 0 for none, null for the engine's. Where tiles that overlap as far as the graph
    /// looks need more, they are larger.</param>
    /// <param name="overlap">How many of the image's pixels neighbours have in common at least; more where the graph looks farther.</param>
    /// <param name="cancellationToken">Stops within a tile.</param>
    /// <returns>The image, as many times as large on each side as the graph makes it.</returns>
    Task<PixelImage> UpscaleAsync(PixelImage image, int? tile, int overlap, CancellationToken cancellationToken);
}
