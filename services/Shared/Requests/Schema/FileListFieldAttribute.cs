using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A list of objects with <c>file</c> and one other field; an empty list is equivalent to none.</summary>
/// <param name="text">The field's description.</param>
/// <param name="other">The other field's name.</param>
/// <param name="maxCount">The largest number of elements.</param>
public abstract class FileListFieldAttribute(string text, string other, int maxCount) : RequestFieldAttribute(text)
{
    /// <summary>The length of the longest file name.</summary>
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

    /// <summary>Reads a string; null, with a fault, when it is not allowed.</summary>
    private protected static string? ReadText(JsonNode value, string path, int maxLength, List<FieldFault> faults) =>
        TextFieldAttribute.ReadText(value, path, 0, maxLength, string.Create(CultureInfo.InvariantCulture, $"up to {maxLength}"), faults);

    /// <summary>Reads an element of the list.</summary>
    private protected abstract object ReadOne(string file, JsonNode? value, string path, List<FieldFault> faults);

    /// <summary>Writes an element as JSON.</summary>
    private protected abstract JsonObject WriteOne(object element);

    /// <summary>Converts the elements to the property's list.</summary>
    private protected abstract object ToList(IEnumerable<object> elements);

    /// <summary>Creates the JSON Schema of the other field.</summary>
    private protected abstract JsonObject OtherSchema();
}
