using Brownian.Inference.Images;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>Turns a picture into what its latents are drawn from. Draws nothing itself.</summary>
public interface IVaeEncoder
{
    /// <summary>Encodes one picture.</summary>
    /// <param name="image">Sides in the model's multiple.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <returns>
    /// What the graph gives: [1, 2 x channels, height, width], means and log variances, or [1, channels, height, width] where it was exported
    /// with a sample inside; not multiplied with the scaling factor.
    /// </returns>
    Task<Tensor> EncodeAsync(PixelImage image, CancellationToken cancellationToken);
}
