namespace Brownian.Requests.References;

/// <summary>References to the adapters of a request by name and content; plans contain these instead of files.</summary>
public sealed record AdapterReferences
{
    /// <summary>The largest number of LoRAs of a request.</summary>
    public const int MaxLoras = 16;

    /// <summary>The largest number of textual inversions of a request.</summary>
    public const int MaxInversions = 64;

    /// <summary>The LoRAs, in the order in which they are merged.</summary>
    public IReadOnlyList<LoraReference> Loras { get; init; } = [];

    /// <summary>The textual inversions, in the order of their ids.</summary>
    public IReadOnlyList<InversionReference> TextualInversions { get; init; } = [];
}
