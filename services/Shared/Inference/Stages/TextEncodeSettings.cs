namespace Brownian.Inference.Stages;

/// <summary>Settings of a text-encode stage.</summary>
public sealed record TextEncodeSettings
{
    /// <summary>The texts to encode, each under the name of its output: <c>prompt</c>, <c>negative</c>.</summary>
    public required IReadOnlyDictionary<string, string> Texts { get; init; }
}
