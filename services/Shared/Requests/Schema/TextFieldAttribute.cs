using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with text.</summary>
/// <param name="text">The field's description.</param>
/// <param name="maxLength">The length of the longest text, in UTF-16 code units.</param>
public sealed class TextFieldAttribute(string text, int maxLength) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "text";

    /// <inheritdoc/>
    public override string Allowed => MinLength == 0
        ? string.Create(CultureInfo.InvariantCulture, $"up to {maxLength} characters")
        : string.Create(CultureInfo.InvariantCulture, $"{MinLength}..{maxLength} characters");

    /// <summary>The length of the shortest text, in UTF-16 code units.</summary>
    public int MinLength { get; init; }

    /// <summary>Reads a string.</summary>
    internal static string? ReadText(JsonNode value, string path, int minLength, int maxLength, string allowed, List<FieldFault> faults)
    {
        if (value.GetValueKind() != JsonValueKind.String)
        {
            faults.Add(FieldFault.Of(path, value, "text, or null"));
            return null;
        }
        string text = value.GetValue<string>();
        if (text.Length < minLength || text.Length > maxLength)
        {
            faults.Add(new FieldFault(path, string.Create(CultureInfo.InvariantCulture, $"has {text.Length} characters; allowed: {allowed}")));
            return null;
        }
        if (HasLoneSurrogate(text))
        {
            faults.Add(new FieldFault(path, "is not valid Unicode: it contains an unpaired surrogate"));
            return null;
        }
        return text;
    }

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) =>
        ReadText(
            value, path, MinLength, maxLength,
            MinLength == 0
                ? Allowed.Replace(" characters", "", StringComparison.Ordinal)
                : $"{MinLength}..{maxLength}", faults);

    internal override JsonNode? Write(object value) => JsonValue.Create((string)value);

    internal override JsonObject Schema()
    {
        var schema = new JsonObject { ["type"] = "string", ["maxLength"] = maxLength };
        if (MinLength > 0)
        {
            schema["minLength"] = MinLength;
        }
        return schema;
    }

    private static bool HasLoneSurrogate(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return true;
            }
        }
        return false;
    }
}
