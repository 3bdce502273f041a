using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with a whole number of 64 bits, as a number or as a string, because numbers above 2^53 lose digits in many clients.</summary>
/// <param name="text">The field's description.</param>
public sealed class SeedFieldAttribute(string text) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "whole number, or its digits as text";

    /// <inheritdoc/>
    public override string Allowed => JsonNumber.UInt64Range;

    internal static JsonObject SeedSchema() => new()
    {
        ["anyOf"] = new JsonArray(
            new JsonObject { ["type"] = "integer", ["minimum"] = 0, ["maximum"] = ulong.MaxValue },
            new JsonObject { ["type"] = "string", ["pattern"] = "^[0-9]{1,20}$" }),
    };

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) =>
        JsonNumber.UInt64(value) is { } seed ? seed : Refuse(value, path, faults);

    internal override JsonNode? Write(object value) => JsonValue.Create((ulong)value);

    internal override JsonObject Schema() => SeedSchema();
}
