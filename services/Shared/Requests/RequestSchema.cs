using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>Every field of a request, each declared once by its property.</summary>
public static class RequestSchema
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The fields of the generation.</summary>
    public static FieldSet Request { get; } = FieldSet.Of(typeof(GenerationRequest));

    /// <summary>The blocks of a cascade's stages.</summary>
    public static FieldSet Stages { get; } = FieldSet.Of(typeof(StageBlocks));

    /// <summary>The fields of the job that a gateway creates for a request.</summary>
    public static FieldSet Job { get; } = FieldSet.Of(typeof(JobOptions));

    /// <summary>All fields, in the order in which requests are written.</summary>
    public static IReadOnlyList<RequestField> All { get; } = [.. Request.All, .. Stages.All, .. Job.All];

    private static readonly Dictionary<FieldGroup, string[]> ByGroup =
        All.GroupBy(field => field.Declared.Group).ToDictionary(group => group.Key, group => group.Select(field => field.Name).ToArray());

    /// <summary>The paths of the fields that name images and latents. A job's <c>from</c> is not among them: it names a partial result.</summary>
    private static readonly string[][] FilePaths = [.. Request.All.SelectMany(PathsOf)];

    private static readonly Lazy<string> SchemaText = new(() => ToJsonSchema().ToJsonString(Readable) + "\n");

    /// <summary>Returns a field by its name, or null.</summary>
    public static RequestField? Find(string name) => Request.Find(name) ?? Stages.Find(name) ?? Job.Find(name);

    /// <summary>Returns the names of the fields that are allowed in a scope.</summary>
    public static IReadOnlyList<string> NamesIn(FieldScope scope) => [.. Request.All.Where(field => field.Is(scope)).Select(field => field.Name)];

    /// <summary>Returns the names of a group's fields.</summary>
    public static IReadOnlyList<string> NamesIn(FieldGroup group) => ByGroup[group];

    /// <summary>Whether a field is allowed in a scope.</summary>
    public static bool Is(string name, FieldScope scope) => Request.Find(name)?.Is(scope) ?? false;

    /// <summary>
    /// Returns the values of a request that name files, with their fields, for example <c>control_image[1]</c> or <c>interpolate.images[0]</c>.
    /// </summary>
    /// <param name="request">The request's fields; fields of other types than declared are skipped.</param>
    public static IEnumerable<(string Field, JsonValue Value)> FilesIn(JsonObject request)
    {
        foreach (string[] path in FilePaths)
        {
            string field = string.Join('.', path);
            switch (path.Aggregate((JsonNode?)request, (node, name) => (node as JsonObject)?[name]))
            {
                case JsonValue one:
                    yield return (field, one);
                    break;
                case JsonArray list:
                    for (int i = 0; i < list.Count; i++)
                    {
                        if (list[i] is JsonValue value)
                        {
                            yield return (list.Count == 1 ? field : string.Create(CultureInfo.InvariantCulture, $"{field}[{i}]"), value);
                        }
                    }
                    break;
            }
        }
    }

    /// <summary>Whether a value has no effect, so that families and tasks that do not support the field accept it.</summary>
    public static bool IsNeutral(string name, JsonNode value) => Find(name)?.IsNeutral(value) ?? false;

    /// <summary>Returns the same fields in the order in which requests are written.</summary>
    public static JsonObject Sorted(JsonObject json) => new(
        All.Where(field => json.ContainsKey(field.Name)).Select(field => KeyValuePair.Create(field.Name, json[field.Name]?.DeepClone())));

    /// <summary>Returns <see cref="ToJsonSchema"/> as the text of a file, which is created once.</summary>
    public static string ToJsonSchemaText() => SchemaText.Value;

    private static IEnumerable<string[]> PathsOf(RequestField field) => field.Declared switch
    {
        TextFieldAttribute { NamesFile: true } or TextListFieldAttribute { NamesFile: true } => [[field.Name]],
        ObjectFieldAttribute inner => inner.Fields.All.SelectMany(PathsOf).Select(path => (string[])[field.Name, .. path]),
        _ => [],
    };

    /// <summary>Creates the JSON Schema of a request (draft 2020-12).</summary>
    public static JsonObject ToJsonSchema()
    {
        var properties = new JsonObject();
        foreach (RequestField field in All)
        {
            properties[field.Name] = field.Schema();
        }
        // A cascade's models are a list.
        properties["model"] = new JsonObject
        {
            ["description"] = Request.Find("model")!.Declared.Text,
            ["anyOf"] = new JsonArray(
                Request.Find("model")!.Declared.Schema(),
                new JsonObject
                {
                    ["type"] = "array",
                    ["items"] = new JsonObject { ["type"] = "string" },
                    ["minItems"] = 1,
                    ["maxItems"] = StageBlocks.MaxStages,
                }),
        };
        return new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Brownian request",
            ["type"] = "object",
            ["properties"] = properties,
            ["additionalProperties"] = false,
        };
    }
}
