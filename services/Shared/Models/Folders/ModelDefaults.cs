using System.Text.Json.Nodes;

namespace Brownian.Models.Folders;

/// <summary>What a request takes where it says nothing; null where the reference pipeline's own default holds.</summary>
public sealed record ModelDefaults
{
    /// <summary>Steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Guidance scale.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>Guidance rescale, 0..1.</summary>
    public double? GuidanceRescale { get; init; }

    /// <summary>Width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>Height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>A scheduler as a request names it.</summary>
    public JsonObject? Scheduler { get; init; }
}
