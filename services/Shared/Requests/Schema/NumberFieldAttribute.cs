using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with a number.</summary>
/// <param name="text">The field's description.</param>
/// <param name="minimum">The smallest value.</param>
/// <param name="maximum">The largest value.</param>
public sealed class NumberFieldAttribute(string text, double minimum, double maximum) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "number";

    /// <inheritdoc/>
    public override string Allowed => string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}");

    /// <summary>Whether 0 is equivalent to null.</summary>
    public bool ZeroIsNone { get; init; }

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) =>
        JsonNumber.Double(value) is { } number && number >= minimum && number <= maximum
            ? ZeroIsNone && number == 0 ? null : number
            : Refuse(value, path, faults);

    internal override JsonNode? Write(object value) => JsonValue.Create((double)value);

    internal override JsonObject Schema() => new() { ["type"] = "number", ["minimum"] = minimum, ["maximum"] = maximum };
}
