using System.Text.Json;

namespace Brownian.Platform.Wire;

/// <summary>How JSON within messages is spelled: as request files are.</summary>
public static class WireJson
{
    /// <summary>The options.</summary>
    public static JsonSerializerOptions Options { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
}
