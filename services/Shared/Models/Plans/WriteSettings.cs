using Brownian.Requests;

namespace Brownian.Models.Plans;

/// <summary>Settings of a write stage.</summary>
public sealed record WriteSettings
{
    /// <summary>The format, the quality and whether the settings are embedded in the files.</summary>
    public required OutputSettings Output { get; init; }

    /// <summary>The settings text that is embedded in the files.</summary>
    public required InfotextTemplate Parameters { get; init; }

    /// <summary>One seed per image.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>The header of a file that contains every input and is written instead of images; null to write images.</summary>
    public PartialResultSettings? Keep { get; init; }

    /// <summary>The image that the generated images are pasted into before they are written; null for none.</summary>
    public OverlaySettings? Overlay { get; init; }
}
