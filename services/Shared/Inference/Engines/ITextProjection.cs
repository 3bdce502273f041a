using Brownian.Formats.Files;
using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>
/// Combines the embeddings of a prompt and of an image to the inputs of unCLIP's decoder (Ramesh et al. 2022, arXiv 2204.06125, section 2.1).
/// </summary>
public interface ITextProjection
{
    /// <summary>Projects one prompt with one image's embedding.</summary>
    /// <param name="text">The prompt's features with pooled embedding and mask.</param>
    /// <param name="image">[1, width]; null for the learned embedding of the unconditional pass.</param>
    /// <param name="isPriors">Whether <paramref name="image"/> is a prior's output, whose normalization is reversed first.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <returns>
    /// The embeddings, with some tokens more; as the pooled embedding the value that is added to the time embedding; the mask, extended by the same
    /// number of tokens.
    /// </returns>
    /// <exception cref="ModelException">The graph failed.</exception>
    Task<TextFeatures> ProjectAsync(TextFeatures text, Tensor? image, bool isPriors, CancellationToken cancellationToken);
}
