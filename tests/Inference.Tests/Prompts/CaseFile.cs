using System.Text.Json.Nodes;

namespace Brownian.Inference.Tests.Prompts;

/// <summary>A file of cases, with one JSON object per line.</summary>
internal static class CaseFile
{
    public static IReadOnlyList<JsonObject> Read(string name) =>
        [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Cases", name)).Select(line => JsonNode.Parse(line)!.AsObject())];
}
