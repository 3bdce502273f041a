using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with a scheduler's name, or an object with <c>_class_name</c> and options. The property is the object.</summary>
/// <param name="text">The field's description.</param>
public sealed class SchedulerFieldAttribute(string text) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "text or object";

    /// <inheritdoc/>
    public override string Allowed => "a name, or an object with _class_name and options";

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) => value switch
    {
        JsonObject scheduler => scheduler.DeepClone(),
        JsonValue name when name.GetValueKind() == JsonValueKind.String => new JsonObject { ["_class_name"] = name.GetValue<string>() },
        _ => Refuse(value, path, faults),
    };

    internal override JsonNode? Write(object value) => ((JsonObject)value).DeepClone();

    internal override JsonObject Schema() => new() { ["type"] = new JsonArray("string", "object") };
}
