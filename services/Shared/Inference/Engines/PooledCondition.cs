using Brownian.Inference.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>What Stable Diffusion XL's denoisers are given beside the embeddings: <c>text_embeds</c> and <c>time_ids</c>.</summary>
public sealed record PooledCondition
{
    /// <summary>[1, width], of the prompt.</summary>
    public required Tensor Pooled { get; init; }

    /// <summary>The same of the negative prompt; null without guidance.</summary>
    public Tensor? NegativePooled { get; init; }

    /// <summary>Sizes and crops in pixels: six numbers, or the refiner's five.</summary>
    public required IReadOnlyList<double> TimeIds { get; init; }

    /// <summary>The same of the pass without the prompt.</summary>
    public required IReadOnlyList<double> NegativeTimeIds { get; init; }
}
