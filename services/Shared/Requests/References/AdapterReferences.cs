namespace Brownian.Requests.References;

/// <summary>The adapters of a request by name and content: what plans carry instead of files.</summary>
public sealed record AdapterReferences
{
    /// <summary>The most LoRAs of a request.</summary>
    public const int MaxLoras = 16;

    /// <summary>The most textual inversions of a request.</summary>
    public const int MaxInversions = 64;

    /// <summary>The LoRAs, in the order they are added.</summary>
    public IReadOnlyList<LoraReference> Loras { get; init; } = [];

    /// <summary>The textual inversions, in the order of their ids.</summary>
    public IReadOnlyList<InversionReference> TextualInversions { get; init; } = [];
}
