using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>The fields that a record's properties declare by <see cref="RequestFieldAttribute"/>, in the order of their declaration.</summary>
public sealed class FieldSet
{
    private static readonly ConcurrentDictionary<Type, FieldSet> Sets = new();

    private readonly Dictionary<string, RequestField> _byName;
    private readonly Type _record;

    private FieldSet(Type record)
    {
        _record = record;
        object defaults = Activator.CreateInstance(record)!;
        All =
        [
            .. record.GetProperties().OrderBy(property => property.MetadataToken)
                .Select(property => (Property: property, Declared: property.GetCustomAttribute<RequestFieldAttribute>()))
                .Where(field => field.Declared is not null)
                .Select(field => new RequestField(field.Property, field.Declared!, field.Property.GetValue(defaults))),
        ];
        _byName = All.ToDictionary(field => field.Name, StringComparer.Ordinal);
        Names = string.Join(", ", All.Select(field => field.Name));
    }

    /// <summary>The fields.</summary>
    public IReadOnlyList<RequestField> All { get; }

    /// <summary>Their names, for messages.</summary>
    public string Names { get; }

    /// <summary>The fields of a record.</summary>
    public static FieldSet Of(Type record) => Sets.GetOrAdd(record, static type => new FieldSet(type));

    /// <summary>A field by its name; null where there is none.</summary>
    public RequestField? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Refuses fields that there are not.</summary>
    internal void CheckKnown(JsonObject json, string prefix, List<FieldFault> faults) => faults.AddRange(
        json.Select(field => field.Key).Where(name => !_byName.ContainsKey(name))
            .Select(name => new FieldFault(prefix + name, $"is not a field of a request; known: {Names}")));

    /// <summary>A record with the fields that JSON gives; the others have the values of a new record.</summary>
    /// <param name="json">Fields of others are left to the caller.</param>
    /// <param name="prefix">What stands before names in messages.</param>
    /// <param name="faults">Where faults go.</param>
    internal object Read(JsonObject json, string prefix, List<FieldFault> faults)
    {
        object record = Activator.CreateInstance(_record)!;
        // In the order of the JSON: faults are told as they were made.
        foreach ((string name, JsonNode? value) in json)
        {
            if (value is not null && Find(name) is { } field
                && field.Declared.Read(field.Property, value, prefix + name, faults) is { } read)
            {
                field.Property.SetValue(record, read);
            }
        }
        return record;
    }

    /// <summary>A record's fields as JSON.</summary>
    /// <param name="record">The record.</param>
    /// <param name="isWritten">Which fields are written, by the field and its value.</param>
    /// <param name="known">The names of the fields that may be written; null for all.</param>
    public JsonObject Write(object record, Func<RequestField, object?, bool> isWritten, IReadOnlySet<string>? known = null)
    {
        var json = new JsonObject();
        foreach (RequestField field in All)
        {
            if (known is not null && !known.Contains(field.Name))
            {
                continue;
            }
            object? value = field.Property.GetValue(record);
            if (isWritten(field, value))
            {
                json[field.Name] = value is null ? null : field.Declared.Write(value);
            }
        }
        return json;
    }

    /// <summary>The JSON Schema of an object with these fields.</summary>
    internal JsonObject Schema()
    {
        var properties = new JsonObject();
        foreach (RequestField field in All)
        {
            properties[field.Name] = field.Schema();
        }
        return new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
    }
}
