using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Brownian.Models.Families;

namespace Brownian.Models.Plans;

/// <summary>The content of the file that a write stage makes of the earlier stages' outputs; see <see cref="PartialResult"/>.</summary>
public sealed record PartialResultSettings
{
    /// <summary>See <see cref="PartialResult.Request"/>.</summary>
    public required JsonObject Request { get; init; }

    /// <summary>See <see cref="PartialResult.StopAfter"/>.</summary>
    public required string StopAfter { get; init; }

    /// <summary>See <see cref="PartialResult.Done"/>.</summary>
    public required string Done { get; init; }

    /// <summary>The number of images that the request generates.</summary>
    [JsonPropertyName("pictures")]
    public required int Images { get; init; }
}
