using System.Text.Json.Nodes;

namespace Brownian.Testing.Events;

/// <summary>A callback that a client's server received.</summary>
internal sealed record ReceivedCallback(string Method, string Path, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    /// <summary>The body as JSON.</summary>
    public JsonNode Json => JsonNode.Parse(Body)!;

    /// <summary>The id of the job.</summary>
    public string Job => (string)Json["data"]!["id"]!;
}
