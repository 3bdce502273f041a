using System.Collections;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Jobs.Records;
using Brownian.Requests;
using Brownian.Requests.Schema;
using Brownian.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Requests;

/// <summary>
/// Converts a request file to the gateway's message, field by field, for all fields in the descriptor. Only the fields' types are checked here; the
/// values are validated by the gateway, which has the model.
/// </summary>
public static partial class RequestMessage
{
    /// <summary>Reads a request.</summary>
    /// <param name="json">The request's fields.</param>
    /// <param name="now">The time with which a deadline is compared when other fields have faults; null for this machine's.</param>
    /// <exception cref="FieldFaultException">
    /// Fields are unknown, or have values that the message cannot represent. The exception also contains the faults of the other fields, because
    /// such a request does not reach the service that finds them.
    /// </exception>
    public static GenerateRequest Read(JsonObject json, DateTimeOffset? now = null)
    {
        var whole = (JsonObject)json.DeepClone();
        RequestUnions.Apply(whole);
        var message = new GenerateRequest();
        var faults = new List<FieldFault>();
        Fill(message, whole, "", faults);
        return faults.Count == 0 ? message : throw new FieldFaultException(AllFaults(json, message, now ?? TimeProvider.System.GetUtcNow(), faults));
    }

    /// <summary>Returns the faults of the conversion, and those of all other fields.</summary>
    /// <param name="json">The request.</param>
    /// <param name="converted">The message with the fields that could be converted.</param>
    /// <param name="now">The time with which a deadline is compared.</param>
    /// <param name="faults">The faults of the conversion.</param>
    private static List<FieldFault> AllFaults(JsonObject json, GenerateRequest converted, DateTimeOffset now, List<FieldFault> faults)
    {
        var others = new List<FieldFault>();
        JsonObject request = RequestMessages.Read(converted, now, others).Request;
        foreach ((string name, JsonNode? value) in json)
        {
            // The reader of requests explains a value of a wrong type by the field's declaration.
            if (GenerateRequest.Descriptor.FindField(name) is { } field && RequestSchema.Request.Find(field.Name) is { } declared
                && faults.Any(fault => Belongs(fault.Field, name)))
            {
                request[declared.Name] = value?.DeepClone();
            }
        }
        try
        {
            RequestReader.Read(request);
        }
        catch (FieldFaultException exception)
        {
            others.AddRange(exception.Faults);
        }
        // A field is explained once, by the reader where it has a fault of it.
        return
        [
            .. faults.Where(fault => !others.Any(other => Belongs(other.Field, fault.Field) || Belongs(fault.Field, other.Field))),
            .. others,
        ];
    }

    /// <summary>
    /// Whether a path is a field's, or of a part of it. The numbers of elements are ignored, because a conversion does not count them.
    /// </summary>
    private static bool Belongs(string path, string field)
    {
        (path, field) = (Element().Replace(path, ""), Element().Replace(field, ""));
        return path == field || path.StartsWith(field + '.', StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\[\d+\]")]
    private static partial Regex Element();

    private static void Fill(IMessage message, JsonObject json, string prefix, List<FieldFault> faults)
    {
        foreach ((string name, JsonNode? value) in json)
        {
            if (message.Descriptor.FindField(name) is not { } field)
            {
                faults.Add(new FieldFault(prefix + name, OtherNames.DescribeUnknown(name, message.Descriptor.FieldNames())));
            }
            else if (value is not null)
            {
                Set(message, field, value, prefix + name, faults);
            }
        }
    }

    private static void Set(IMessage message, FieldDescriptor field, JsonNode value, string path, List<FieldFault> faults)
    {
        if (field.IsMap)
        {
            SetTexts((IDictionary)field.Accessor.GetValue(message), value, path, faults);
            return;
        }
        if (!field.IsRepeated)
        {
            if (Convert(field, value, path, faults) is { } one)
            {
                field.Accessor.SetValue(message, one);
            }
            return;
        }
        if (value is not JsonArray array)
        {
            faults.Add(Fault(path, value, "a list of " + Allowed(field)));
            return;
        }
        var list = (IList)field.Accessor.GetValue(message);
        foreach (JsonNode? item in array)
        {
            if (item is null)
            {
                faults.Add(Fault(path, array, "a list of " + Allowed(field)));
            }
            else if (Convert(field, item, path, faults) is { } element)
            {
                list.Add(element);
            }
        }
    }

    /// <summary>Sets the labels, the only map in a request.</summary>
    private static void SetTexts(IDictionary map, JsonNode value, string path, List<FieldFault> faults)
    {
        if (value is not JsonObject json)
        {
            faults.Add(Fault(path, value, "an object of texts"));
            return;
        }
        foreach ((string key, JsonNode? item) in json)
        {
            if (item?.GetValueKind() == JsonValueKind.String)
            {
                map[key] = item.GetValue<string>();
            }
            else
            {
                faults.Add(Fault($"{path}.{key}", item, "text"));
            }
        }
    }

    /// <summary>Converts a value to its field's type; returns null and adds a fault when it has another type.</summary>
    private static object? Convert(FieldDescriptor field, JsonNode value, string path, List<FieldFault> faults)
    {
        object? converted = field.FieldType switch
        {
            FieldType.String => value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null,
            FieldType.Bool => value.GetValueKind() switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => null },
            FieldType.UInt64 => JsonNumber.UInt64(value),
            FieldType.Int32 =>
                JsonNumber.Double(value) is { } number && Math.Truncate(number) == number && number is >= int.MinValue and <= int.MaxValue
                    ? (int)number
                    : null,
            FieldType.Double => JsonNumber.Double(value),
            FieldType.Message when field.MessageType == Struct.Descriptor => value is JsonObject json ? StructJson.ToStruct(json) : null,
            FieldType.Message when field.MessageType == Timestamp.Descriptor => Time(value),
            FieldType.Message => Inner(field, value, path, faults),
            _ => throw new InvalidOperationException($"{field.FullName} has a type that no request file has"),
        };
        if (converted is null)
        {
            faults.Add(Fault(path, value, Allowed(field)));
        }
        return converted;
    }

    private static IMessage? Inner(FieldDescriptor field, JsonNode value, string path, List<FieldFault> faults)
    {
        if (value is not JsonObject json)
        {
            return null;
        }
        var message = (IMessage)Activator.CreateInstance(field.MessageType.ClrType)!;
        Fill(message, json, path + ".", faults);
        return message;
    }

    private static Timestamp? Time(JsonNode value)
    {
        try
        {
            return value.GetValueKind() == JsonValueKind.String ? JsonParser.Default.Parse<Timestamp>(value.ToJsonString()) : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static string Allowed(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.String => "text",
        FieldType.Bool => "true or false",
        FieldType.UInt64 => "whole numbers " + JsonNumber.UInt64Range,
        FieldType.Int32 => "whole numbers",
        FieldType.Double => "numbers",
        FieldType.Message when field.MessageType == Timestamp.Descriptor => "a time, such as 2030-01-31T12:00:00Z",
        _ => "an object",
    };

    private static FieldFault Fault(string path, JsonNode? value, string allowed) => FieldFault.Of(path, value, allowed);
}
