using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with two shares of the run, the smaller one first.</summary>
/// <param name="text">The field's description.</param>
public sealed class IntervalFieldAttribute(string text) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "list of two numbers";

    /// <inheritdoc/>
    public override string Allowed => "[start, end], two numbers 0..1 of which the first is the smaller one";

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) =>
        value is JsonArray { Count: 2 } pair && pair[0] is { } first && pair[1] is { } second
            && JsonNumber.Double(first) is >= 0 and { } start && JsonNumber.Double(second) is <= 1 and { } end && start < end
                ? new[] { start, end }
                : Refuse(value, path, faults);

    internal override JsonNode? Write(object value) => new JsonArray([.. ((IReadOnlyList<double>)value).Select(share => JsonValue.Create(share))]);

    internal override JsonObject Schema() => new()
    {
        ["type"] = "array",
        ["items"] = new JsonObject { ["type"] = "number", ["minimum"] = 0, ["maximum"] = 1 },
        ["minItems"] = 2,
        ["maxItems"] = 2,
    };
}
