using Brownian.Requests.References;

namespace Brownian.Models.Plans;

/// <summary>Settings of a text-encode stage.</summary>
public sealed record TextEncodeSettings
{
    /// <summary>The suffix of the output that contains a text's pooled embedding.</summary>
    public const string PooledSuffix = "-pooled";

    /// <summary>The suffix of the output that contains a text's mask, for models that distinguish padding from tokens.</summary>
    public const string MaskSuffix = "-mask";

    /// <summary>The texts to encode, each under the name of its output: <c>prompt</c>, <c>negative</c>.</summary>
    public IReadOnlyDictionary<string, TextPrompt> Texts { get; init; } = new Dictionary<string, TextPrompt>();

    /// <summary>How texts that an earlier stage encoded are combined with images' embeddings; null to encode <see cref="Texts"/>.</summary>
    public ProjectionSettings? Projection { get; init; }

    /// <summary>How values of earlier stages are interpolated; null to encode <see cref="Texts"/>.</summary>
    public BlendSettings? Blend { get; init; }

    /// <summary>The adapters that are merged into the encoders; null for none.</summary>
    public AdapterReferences? Adapters { get; init; }

    /// <summary>Outputs that are zeros of the shape of the encoded <see cref="Texts"/>: XL's negative prompt when none is given.</summary>
    public IReadOnlyList<string> Zeros { get; init; } = [];
}
