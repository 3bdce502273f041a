using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Requests.References;

namespace Brownian.Requests.Schema;

/// <summary>A field with one string, or a list of them; an empty list is equivalent to none.</summary>
/// <param name="text">The field's description.</param>
/// <param name="maxLength">The length of the longest string, in UTF-16 code units.</param>
/// <param name="maxCount">The largest number of elements.</param>
public sealed class TextListFieldAttribute(string text, int maxLength, int maxCount) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "text, or a list of texts";

    /// <inheritdoc/>
    public override string Allowed => string.Create(CultureInfo.InvariantCulture, $"text, or a list of up to {maxCount} texts");

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        string longest = string.Create(CultureInfo.InvariantCulture, $"up to {maxLength}");
        string[] texts;
        if (value is not JsonArray list)
        {
            if (value.GetValueKind() != JsonValueKind.String)
            {
                return Refuse(value, path, faults);
            }
            texts = TextFieldAttribute.ReadText(value, path, 0, maxLength, longest, faults) is { } one ? [one] : [];
        }
        else if (list.Count > maxCount || list.Contains(null))
        {
            return Refuse(value, path, faults);
        }
        else
        {
            texts =
            [
                .. list.Select((text, i) => TextFieldAttribute.ReadText(
                    text!, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), 0, maxLength, longest, faults)).OfType<string>(),
            ];
        }
        return texts.Length == 0 ? null
            : property.PropertyType == typeof(IReadOnlyList<ControlNetReference>) ? texts.Select(name => new ControlNetReference(name)).ToArray()
            : texts;
    }

    internal override JsonNode? Write(object value) => new JsonArray(
        [.. ((IEnumerable<object>)value).Select(text => JsonValue.Create(text is ControlNetReference net ? net.Name : (string)text))]);

    internal override JsonObject Schema()
    {
        JsonObject Text() => new() { ["type"] = "string", ["maxLength"] = maxLength };
        return new JsonObject
        {
            ["anyOf"] = new JsonArray(Text(), new JsonObject { ["type"] = "array", ["items"] = Text(), ["maxItems"] = maxCount }),
        };
    }
}
