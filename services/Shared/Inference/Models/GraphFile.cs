using System.Text.Json.Nodes;

namespace Brownian.Inference.Models;

/// <summary>One graph of a model's folder.</summary>
/// <param name="Part">The folder's name, for example <c>unet</c>.</param>
/// <param name="File">The <c>.onnx</c> file.</param>
/// <param name="Config">The <c>config.json</c> beside it; null in the older converter's layout.</param>
public sealed record GraphFile(string Part, string File, JsonObject? Config)
{
    /// <summary>A whole number of the configuration, or null where it or the configuration is missing.</summary>
    public int? Integer(string name) => Integer(Config?[name]);

    /// <summary>A number of the configuration, or null.</summary>
    public double? Number(string name) => Config?[name] is JsonValue value && value.TryGetValue(out double number) ? number : null;

    /// <summary>A whole number, or null for anything else.</summary>
    internal static int? Integer(JsonNode? node) => node is JsonValue value && value.TryGetValue(out int number) ? number : null;

    /// <summary>The length of a list of the configuration, or null.</summary>
    public int? Count(string name) => (Config?[name] as JsonArray)?.Count;
}
