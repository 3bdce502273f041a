using Brownian.Requests.References;

namespace Brownian.Models.Plans;

/// <summary>Settings of a text-encode stage.</summary>
public sealed record TextEncodeSettings
{
    /// <summary>What the name of a text's pooled embedding ends in.</summary>
    public const string PooledSuffix = "-pooled";

    /// <summary>What the name of a text's mask ends in, where padding must be told from tokens.</summary>
    public const string MaskSuffix = "-mask";

    /// <summary>The texts to encode, each under the name of its output: <c>prompt</c>, <c>negative</c>.</summary>
    public IReadOnlyDictionary<string, TextPrompt> Texts { get; init; } = new Dictionary<string, TextPrompt>();

    /// <summary>How texts that an earlier stage encoded are joined with images' embeddings; null to encode <see cref="Texts"/>.</summary>
    public ProjectionSettings? Projection { get; init; }

    /// <summary>How values that earlier stages made are gone through; null to encode <see cref="Texts"/>.</summary>
    public BlendSettings? Blend { get; init; }

    /// <summary>What is merged into the encoders; null for nothing.</summary>
    public AdapterReferences? Adapters { get; init; }

    /// <summary>Outputs that are zeros of the shape that <see cref="Texts"/> come to: XL's negative prompt where none is given.</summary>
    public IReadOnlyList<string> Zeros { get; init; } = [];
}
