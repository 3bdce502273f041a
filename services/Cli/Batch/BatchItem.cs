using System.Text.Json.Nodes;

namespace Brownian.Cli.Batch;

/// <summary>Fields of one of several requests, which replace those of the options.</summary>
/// <param name="Where">
/// Where the fields come from, as the beginning of a fault's field, such as <c>prompts.csv:3: </c>; empty for the options.
/// </param>
/// <param name="Fields">The fields.</param>
/// <param name="Label">What distinguishes the images of the request from those of the others, in a few words.</param>
internal sealed record BatchItem(string Where, JsonObject Fields, string Label)
{
    /// <summary>Returns a value as labels show it.</summary>
    public static string? TextOf(JsonNode? value) => value is JsonValue ? value.ToString() : value?.ToJsonString();

    /// <summary>Sets a field, or a field of an object such as <c>output.quality</c>.</summary>
    public static void Set(JsonObject fields, string path, JsonNode? value)
    {
        string[] names = path.Split('.');
        JsonObject owner = fields;
        foreach (string name in names[..^1])
        {
            if (owner[name] is not JsonObject inner)
            {
                owner[name] = inner = [];
            }
            owner = inner;
        }
        if (path is "seed" or "count")
        {
            fields.Remove("seeds");
        }
        owner[names[^1]] = value?.DeepClone();
    }
}
