using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with a whole number.</summary>
/// <param name="text">The field's description.</param>
/// <param name="minimum">The smallest value.</param>
/// <param name="maximum">The largest value.</param>
public sealed class IntegerFieldAttribute(string text, int minimum, int maximum) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "whole number";

    /// <inheritdoc/>
    public override string Allowed => string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}");

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) =>
        JsonNumber.Double(value) is { } number && Math.Truncate(number) == number && number >= minimum && number <= maximum
            ? (int)number
            : Refuse(value, path, faults);

    internal override JsonNode? Write(object value) => JsonValue.Create((int)value);

    internal override JsonObject Schema() => new() { ["type"] = "integer", ["minimum"] = minimum, ["maximum"] = maximum };
}
