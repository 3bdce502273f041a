using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>
/// The inputs of denoisers beside the embeddings: Stable Diffusion XL's <c>text_embeds</c> and <c>time_ids</c>, and the <c>pooled_projections</c> of
/// Stable Diffusion 3 and Flux.
/// </summary>
public sealed record PooledCondition
{
    /// <summary>The prompt's pooled embedding of [1, width].</summary>
    public required Tensor Pooled { get; init; }

    /// <summary>The negative prompt's pooled embedding of [1, width]; null without guidance.</summary>
    public Tensor? NegativePooled { get; init; }

    /// <summary>Sizes and crops in pixels: six numbers, or five for the refiner; empty for models other than XL.</summary>
    public IReadOnlyList<double> TimeIds { get; init; } = [];

    /// <summary>Sizes and crops of the unconditional pass.</summary>
    public IReadOnlyList<double> NegativeTimeIds { get; init; } = [];
}
