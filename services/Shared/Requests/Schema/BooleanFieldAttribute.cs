using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field that is true or false.</summary>
/// <param name="text">The field's description.</param>
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
