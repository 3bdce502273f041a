using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with an object whose fields are declared by the properties of a record.</summary>
/// <param name="text">The field's description.</param>
/// <param name="record">The record's type.</param>
public sealed class ObjectFieldAttribute(string text, Type record) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "object";

    /// <inheritdoc/>
    public override string Allowed => "an object with " + Fields.Names;

    /// <summary>The object's fields.</summary>
    public FieldSet Fields => FieldSet.Of(record);

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        if (value is not JsonObject json)
        {
            return Refuse(value, path, faults);
        }
        Fields.CheckKnown(json, path + ".", faults);
        object read = Fields.Read(json, path + ".", faults);
        (read as ICheckedFields)?.Check(json, path, faults);
        return read;
    }

    internal override JsonNode? Write(object value) => Fields.Write(value, static (_, given) => given is not null);

    internal override JsonObject Schema() => Fields.Schema();
}
