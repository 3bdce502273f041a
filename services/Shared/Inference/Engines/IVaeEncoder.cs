using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>Turns an image into what its latents are drawn from. Draws nothing itself.</summary>
public interface IVaeEncoder
{
    /// <summary>Encodes one image.</summary>
    /// <param name="image">[1, 3, height, width] in [-1, 1]; sides in the model's multiple.</param>
    /// <param name="tiled">Whether it is done in tiles where a side is longer than one.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <returns>
    /// What the graph gives: [1, 2 x channels, height, width], means and log variances, or [1, channels, height, width] where it was exported
    /// with a sample inside; not multiplied with the scaling factor.
    /// </returns>
    Task<Tensor> EncodeAsync(Tensor image, bool tiled, CancellationToken cancellationToken);
}
