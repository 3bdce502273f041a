using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>True or false.</summary>
/// <param name="text">What the field means.</param>
public sealed class BooleanFieldAttribute(string text) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "true or false";

    /// <inheritdoc/>
    public override string Allowed => "true or false";

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) => value.GetValueKind() switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => Refuse(value, path, faults),
    };

    internal override JsonNode? Write(object value) => JsonValue.Create((bool)value);

    internal override JsonObject Schema() => new() { ["type"] = "boolean" };
}
