using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A list of objects with <c>file</c> and one field more; an empty list is the same as none.</summary>
/// <param name="text">What the field means.</param>
/// <param name="other">The field beside <c>file</c>.</param>
/// <param name="maxCount">The longest list.</param>
public abstract class FileListFieldAttribute(string text, string other, int maxCount) : RequestFieldAttribute(text)
{
    /// <summary>The longest name of a file.</summary>
    public const int MaxFileLength = 4096;

    /// <inheritdoc/>
    public override string Type => "list of objects";

    /// <inheritdoc/>
    public override string Allowed => string.Create(CultureInfo.InvariantCulture, $"a list of up to {maxCount} objects with file and {other}");

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        if (value is not JsonArray array || array.Count > maxCount)
        {
            return Refuse(value is JsonArray many ? JsonValue.Create($"{many.Count} files") : value, path, faults);
        }
        var files = new List<object>();
        for (int i = 0; i < array.Count; i++)
        {
            string field = string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]");
            if (array[i] is not JsonObject json)
            {
                faults.Add(FieldFault.Of(field, array[i], $"an object with file and {other}"));
                continue;
            }
            faults.AddRange(json.Select(entry => entry.Key).Where(name => name != "file" && name != other)
                .Select(unknown => new FieldFault($"{field}.{unknown}", $"is not a field of a request; known: file, {other}")));
            if (json["file"] is null || (json["file"]!.GetValueKind() == JsonValueKind.String && json["file"]!.GetValue<string>().Length == 0))
            {
                faults.Add(new FieldFault(field + ".file", "is missing; allowed: a file's name"));
            }
            string? file = json["file"] is { } named ? ReadText(named, field + ".file", MaxFileLength, faults) : null;
            files.Add(ReadOne(file ?? "", json[other], $"{field}.{other}", faults));
        }
        return files.Count == 0 ? null : ToList(files);
    }

    internal override JsonNode? Write(object value) => new JsonArray([.. ((IEnumerable<object>)value).Select(WriteOne)]);

    internal override JsonObject Schema() => new()
    {
        ["type"] = "array",
        ["items"] = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["file"] = new JsonObject { ["type"] = "string", ["minLength"] = 1, ["maxLength"] = MaxFileLength },
                [other] = OtherSchema(),
            },
            ["required"] = new JsonArray("file"),
            ["additionalProperties"] = false,
        },
        ["maxItems"] = maxCount,
    };

    /// <summary>A text, where it is one that is allowed.</summary>
    private protected static string? ReadText(JsonNode value, string path, int maxLength, List<FieldFault> faults) =>
        TextFieldAttribute.ReadText(value, path, 0, maxLength, string.Create(CultureInfo.InvariantCulture, $"up to {maxLength}"), faults);

    /// <summary>An element of the list.</summary>
    private protected abstract object ReadOne(string file, JsonNode? value, string path, List<FieldFault> faults);

    /// <summary>An element as JSON.</summary>
    private protected abstract JsonObject WriteOne(object element);

    /// <summary>The elements as the property's list.</summary>
    private protected abstract object ToList(IEnumerable<object> elements);

    /// <summary>The JSON Schema of the field beside <c>file</c>.</summary>
    private protected abstract JsonObject OtherSchema();
}
