using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with a map of strings.</summary>
/// <param name="text">The field's description.</param>
/// <param name="maxLength">The length of the longest key and of the longest value.</param>
/// <param name="maxCount">The largest number of entries.</param>
public sealed class TextMapFieldAttribute(string text, int maxLength, int maxCount) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "object of texts";

    /// <inheritdoc/>
    public override string Allowed => string.Create(
        CultureInfo.InvariantCulture, $"up to {maxCount}, names of 1..{maxLength} characters, values of up to {maxLength}");

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        if (value is not JsonObject map)
        {
            return Refuse(value, path, faults, "an object of texts");
        }
        FieldFault[] wrong =
        [
            .. map.Where(entry => entry.Value?.GetValueKind() != JsonValueKind.String)
                .Select(entry => FieldFault.Of($"{path}.{entry.Key}", entry.Value, "text")),
        ];
        faults.AddRange(wrong);
        if (wrong.Length > 0)
        {
            return null;
        }
        var texts = map.ToDictionary(entry => entry.Key, entry => entry.Value!.GetValue<string>(), StringComparer.Ordinal);
        if (texts.Count <= maxCount
            && texts.All(entry => entry.Key.Length is > 0 && entry.Key.Length <= maxLength && entry.Value.Length <= maxLength))
        {
            return texts;
        }
        faults.Add(new FieldFault(path, $"has {texts.Count} entries, or an entry that is too long; allowed: {Allowed}"));
        return null;
    }

    internal override JsonNode? Write(object value) =>
        new JsonObject(((IReadOnlyDictionary<string, string>)value).Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value)));

    internal override JsonObject Schema() => new()
    {
        ["type"] = "object",
        ["additionalProperties"] = new JsonObject { ["type"] = "string", ["maxLength"] = maxLength },
        ["maxProperties"] = maxCount,
    };
}
