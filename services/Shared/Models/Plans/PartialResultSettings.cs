using System.Text.Json.Nodes;
using Brownian.Models.Families;

namespace Brownian.Models.Plans;

/// <summary>What a write stage says in a file of what the stages before it made; see <see cref="PartialResult"/>.</summary>
public sealed record PartialResultSettings
{
    /// <summary>As of <see cref="PartialResult.Request"/>.</summary>
    public required JsonObject Request { get; init; }

    /// <summary>As of <see cref="PartialResult.StopAfter"/>.</summary>
    public required string StopAfter { get; init; }

    /// <summary>As of <see cref="PartialResult.Done"/>.</summary>
    public required string Done { get; init; }

    /// <summary>How many images the request asks for.</summary>
    public required int Pictures { get; init; }
}
