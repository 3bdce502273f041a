using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with one number, or a list of them; an empty list is equivalent to none.</summary>
/// <param name="text">The field's description.</param>
/// <param name="minimum">The smallest value.</param>
/// <param name="maximum">The largest value.</param>
/// <param name="maxCount">The largest number of elements.</param>
public sealed class NumberListFieldAttribute(string text, double minimum, double maximum, int maxCount) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "number, or a list of numbers";

    /// <inheritdoc/>
    public override string Allowed =>
        string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}, or a list of up to {maxCount} such numbers");

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        double?[] numbers = value is JsonArray list
            ? [.. list.Select(number => number is null ? null : JsonNumber.Double(number))]
            : [JsonNumber.Double(value)];
        return numbers.Length > maxCount || !numbers.All(number => number >= minimum && number <= maximum) ? Refuse(value, path, faults)
            : numbers.Length == 0 ? null
            : numbers.Select(number => number!.Value).ToArray();
    }

    internal override JsonNode? Write(object value) => new JsonArray([.. ((IReadOnlyList<double>)value).Select(number => JsonValue.Create(number))]);

    internal override JsonObject Schema()
    {
        JsonObject Number() => new() { ["type"] = "number", ["minimum"] = minimum, ["maximum"] = maximum };
        return new JsonObject
        {
            ["anyOf"] = new JsonArray(Number(), new JsonObject { ["type"] = "array", ["items"] = Number(), ["maxItems"] = maxCount }),
        };
    }
}
