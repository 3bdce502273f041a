using Brownian.Formats.Files;
using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>
/// Joins a prompt's embeddings and an image's to what unCLIP's decoder is given (Ramesh et al. 2022, arXiv 2204.06125, section 2.1).
/// </summary>
public interface ITextProjection
{
    /// <summary>Projects one prompt with one image's embedding.</summary>
    /// <param name="text">The prompt's features with pooled embedding and mask.</param>
    /// <param name="image">[1, width]; null for the learned one of the pass without the prompt.</param>
    /// <param name="isPriors">Whether <paramref name="image"/> is a prior's output, which is scaled back first.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <returns>The embeddings, some tokens longer; what is added to the time embedding as the pooled one; the mask, as much longer.</returns>
    /// <exception cref="ModelException">The graph failed.</exception>
    Task<TextFeatures> ProjectAsync(TextFeatures text, Tensor? image, bool isPriors, CancellationToken cancellationToken);
}
