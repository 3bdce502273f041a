using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>Encodes images to embeddings of their content.</summary>
public interface IImageEncoder
{
    /// <summary>Encodes one image.</summary>
    /// <param name="image">An image of any size.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <returns>[1, width].</returns>
    /// <exception cref="ModelException">The graph failed.</exception>
    Task<Tensor> EncodeAsync(Raster image, CancellationToken cancellationToken);
}
