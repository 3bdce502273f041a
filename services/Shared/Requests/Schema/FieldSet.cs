using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>The fields that a record's properties declare with <see cref="RequestFieldAttribute"/>, in the order of their declaration.</summary>
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

    /// <summary>The names of the fields, for messages.</summary>
    public string Names { get; }

    /// <summary>Returns the fields of a record.</summary>
    public static FieldSet Of(Type record) => Sets.GetOrAdd(record, static type => new FieldSet(type));

    /// <summary>Returns a field by its name, or null.</summary>
    public RequestField? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Refuses unknown fields.</summary>
    internal void CheckKnown(JsonObject json, string prefix, List<FieldFault> faults) => faults.AddRange(
        json.Select(field => field.Key).Where(name => !_byName.ContainsKey(name))
            .Select(name => new FieldFault(prefix + name, OtherNames.DescribeUnknown(name, _byName.Keys))));

    /// <summary>Reads a record from JSON; fields that are not given have the values of a new record.</summary>
    /// <param name="json">The JSON; unknown fields are ignored.</param>
    /// <param name="prefix">The prefix of names in messages.</param>
    /// <param name="faults">Receives the faults.</param>
    internal object Read(JsonObject json, string prefix, List<FieldFault> faults)
    {
        object record = Activator.CreateInstance(_record)!;
        // In the order of the JSON, so that faults are reported in the order of the fields.
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

    /// <summary>Writes a record's fields as JSON.</summary>
    /// <param name="record">The record.</param>
    /// <param name="isWritten">Selects the fields to write, by the field and its value.</param>
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

    /// <summary>Creates the JSON Schema of an object with these fields.</summary>
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
