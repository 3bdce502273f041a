using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>Encodes an image to the moments from which its latents are drawn. Draws nothing itself.</summary>
public interface IVaeEncoder
{
    /// <summary>Encodes one image.</summary>
    /// <param name="image">[1, 3, height, width] in [-1, 1], with sides in the model's multiple.</param>
    /// <param name="tiled">Whether to encode in tiles when a side is longer than a tile's.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <returns>
    /// The graph's output: [1, 2 x channels, height, width], means and log variances, or [1, channels, height, width] when it was exported with
    /// sampling; not multiplied by the scaling factor.
    /// </returns>
    Task<Tensor> EncodeAsync(Tensor image, bool tiled, CancellationToken cancellationToken);
}
