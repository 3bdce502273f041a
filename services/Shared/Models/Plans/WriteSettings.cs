using Brownian.Requests;

namespace Brownian.Models.Plans;

/// <summary>Settings of a write stage.</summary>
public sealed record WriteSettings
{
    /// <summary>Format, quality and whether the files carry the settings.</summary>
    public required OutputSettings Output { get; init; }

    /// <summary>The text that the files carry.</summary>
    public required InfotextTemplate Parameters { get; init; }

    /// <summary>One per image.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>What a file says that is written instead of images: it holds every input; null to write images.</summary>
    public PartialResultSettings? Keep { get; init; }

    /// <summary>What the images are laid into before they are written; null for nothing.</summary>
    public OverlaySettings? Overlay { get; init; }
}
