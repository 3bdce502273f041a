using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Jobs.Records;

/// <summary>
/// Converts JSON to and from <c>google.protobuf.Struct</c>. Whole numbers stay whole; above 2^53 they become strings in a Struct, as in protobuf's
/// JSON mapping.
/// </summary>
public static class StructJson
{
    /// <summary>2^53: a double represents every whole number up to it; 2^53 + 1 would be rounded to it.</summary>
    private const long MaxWhole = 1L << 53;

    /// <summary>Converts an object to a Struct.</summary>
    public static Struct ToStruct(JsonObject json)
    {
        var result = new Struct();
        foreach ((string name, JsonNode? node) in json)
        {
            result.Fields[name] = ToValue(node);
        }
        return result;
    }

    /// <summary>Converts a Struct to an object.</summary>
    public static JsonObject ToJson(Struct message)
    {
        var json = new JsonObject();
        foreach ((string name, Value value) in message.Fields)
        {
            json[name] = ToJson(value);
        }
        return json;
    }

    private static Value ToValue(JsonNode? node) => node switch
    {
        null => Value.ForNull(),
        JsonObject json => Value.ForStruct(ToStruct(json)),
        JsonArray array => Value.ForList([.. array.Select(ToValue)]),
        _ => node.GetValueKind() switch
        {
            JsonValueKind.True => Value.ForBool(true),
            JsonValueKind.False => Value.ForBool(false),
            JsonValueKind.Number => ToNumber(node.ToJsonString()),
            _ => Value.ForString(node.GetValue<string>()),
        },
    };

    private static Value ToNumber(string text)
    {
        // Compared by its digits, because 2^53 + 1 as a double is 2^53.
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong whole) && whole > MaxWhole
            ? Value.ForString(text)
            : Value.ForNumber(double.Parse(text, CultureInfo.InvariantCulture));
    }

    private static JsonNode? ToJson(Value value) => value.KindCase switch
    {
        Value.KindOneofCase.StructValue => ToJson(value.StructValue),
        Value.KindOneofCase.ListValue => new JsonArray([.. value.ListValue.Values.Select(ToJson)]),
        Value.KindOneofCase.BoolValue => value.BoolValue,
        Value.KindOneofCase.StringValue => value.StringValue,
        Value.KindOneofCase.NumberValue when Math.Abs(value.NumberValue) <= MaxWhole && value.NumberValue == Math.Truncate(value.NumberValue) =>
            (long)value.NumberValue,
        // JSON has no NaN. As a string it is refused with its field's name, where a number is expected.
        Value.KindOneofCase.NumberValue =>
            double.IsFinite(value.NumberValue) ? value.NumberValue : value.NumberValue.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };
}
