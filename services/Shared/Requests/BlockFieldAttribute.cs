using System.Reflection;
using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>
/// An object that contains the request fields of a scope. <see cref="RequestReader"/> reads it together with the fields that it shares with the
/// request.
/// </summary>
/// <param name="text">The field's description.</param>
/// <param name="scope">The fields that the object may contain.</param>
public sealed class BlockFieldAttribute(string text, FieldScope scope) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "object";

    /// <inheritdoc/>
    public override string Allowed => "an object with " + string.Join(", ", RequestSchema.NamesIn(scope));

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) =>
        value is JsonObject block ? property.PropertyType == typeof(JsonObject) ? block : null : Refuse(value, path, faults);

    internal override JsonNode? Write(object value) => (value as JsonObject)?.DeepClone();

    internal override JsonObject Schema()
    {
        var properties = new JsonObject();
        foreach (string name in RequestSchema.NamesIn(scope))
        {
            properties[name] = new JsonObject { ["$ref"] = "#/properties/" + name };
        }
        return new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
    }
}
