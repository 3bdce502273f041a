using System.Text.Json.Nodes;

namespace Brownian.Models.Folders;

/// <summary>The default values of a model's requests. A value of null selects the reference pipeline's default.</summary>
public sealed record ModelDefaults
{
    /// <summary>The number of steps.</summary>
    public int? Steps { get; init; }

    /// <summary>The guidance scale.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>The guidance rescale, 0..1.</summary>
    public double? GuidanceRescale { get; init; }

    /// <summary>The width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>The height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>The scheduler, in the form that requests use.</summary>
    public JsonObject? Scheduler { get; init; }
}
