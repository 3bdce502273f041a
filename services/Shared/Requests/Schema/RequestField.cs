using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field of the request: a property with its declaration.</summary>
public sealed class RequestField
{
    private readonly JsonNode?[] _neutral;

    internal RequestField(PropertyInfo property, RequestFieldAttribute declared, object? value)
    {
        (Property, Declared, Default) = (property, declared, value);
        Name = declared.Name ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
        _neutral = declared.Neutral is null ? [] : [.. JsonNode.Parse($"[{declared.Neutral}]")!.AsArray()];
    }

    /// <summary>The field's name in JSON, in messages and in the protos: the declared one, or the property's in snake case.</summary>
    public string Name { get; }

    /// <summary>The declaration.</summary>
    public RequestFieldAttribute Declared { get; }

    /// <summary>Values without an effect, which families and tasks that do not support the field accept.</summary>
    public IReadOnlyList<JsonNode?> NeutralValues => _neutral;

    /// <summary>The name of the command-line option.</summary>
    public string Option => Declared.Option ?? "--" + Name.Replace('_', '-');

    internal PropertyInfo Property { get; }

    /// <summary>The property's value in a new record.</summary>
    internal object? Default { get; }

    /// <summary>Whether a value equals that of a new record.</summary>
    public bool IsDefault(object? value) => Equals(value, Default);

    /// <summary>Whether the field is allowed in a scope.</summary>
    public bool Is(FieldScope scope) => (Declared.Scope & scope) != 0;

    /// <summary>
    /// Whether a value has no effect, so that families and tasks that do not support the field accept it. Numbers are compared by value, independent
    /// of their notation.
    /// </summary>
    public bool IsNeutral(JsonNode value) => _neutral.Any(neutral => AreEqual(neutral!, value, Declared is SeedFieldAttribute));

    /// <summary>Creates the value's JSON Schema, with its description.</summary>
    internal JsonObject Schema()
    {
        JsonObject schema = Declared.Schema();
        schema.Insert(0, "description", Declared.Text);
        return schema;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static bool AreEqual(JsonNode one, JsonNode other, bool takesText = false) => (one, other) switch
    {
        (JsonArray first, JsonArray second) => first.Count == second.Count
            && first.Zip(second).All(pair => pair.Second is not null && AreEqual(pair.First!, pair.Second)),
        (JsonObject first, JsonObject second) => JsonNode.DeepEquals(first, second),
        (JsonValue first, JsonValue second) => first.GetValueKind() == JsonValueKind.Number
            ? JsonNumber.Double(first) is { } number && (JsonNumber.Double(second) ?? (takesText ? JsonNumber.UInt64(second) : null)) == number
            : JsonNode.DeepEquals(first, second),
        _ => false,
    };
}
