using Brownian.Formats.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>
/// What denoisers are given beside the embeddings: Stable Diffusion XL's <c>text_embeds</c> and <c>time_ids</c>, and the
/// <c>pooled_projections</c> of Stable Diffusion 3 and Flux.
/// </summary>
public sealed record PooledCondition
{
    /// <summary>[1, width], of the prompt.</summary>
    public required Tensor Pooled { get; init; }

    /// <summary>The same of the negative prompt; null without guidance.</summary>
    public Tensor? NegativePooled { get; init; }

    /// <summary>Sizes and crops in pixels: six numbers, or the refiner's five; empty in models other than XL.</summary>
    public IReadOnlyList<double> TimeIds { get; init; } = [];

    /// <summary>The same of the pass without the prompt.</summary>
    public IReadOnlyList<double> NegativeTimeIds { get; init; } = [];
}
