using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Jobs.Records;

/// <summary>
/// JSON to and from <c>google.protobuf.Struct</c>. Whole numbers stay whole; beyond 2^53 they are texts in a Struct, as protobuf's JSON has them.
/// </summary>
public static class StructJson
{
    /// <summary>2^53: a double has every whole number up to it, and the next one would become it.</summary>
    private const long LargestWhole = 1L << 53;

    /// <summary>An object as a Struct.</summary>
    public static Struct ToStruct(JsonObject json)
    {
        var result = new Struct();
        foreach ((string name, JsonNode? node) in json)
        {
            result.Fields[name] = ToValue(node);
        }
        return result;
    }

    /// <summary>A Struct as an object.</summary>
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
        // By its digits: the double of 2^53 + 1 is 2^53.
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong whole) && whole > LargestWhole
            ? Value.ForString(text)
            : Value.ForNumber(double.Parse(text, CultureInfo.InvariantCulture));
    }

    private static JsonNode? ToJson(Value value) => value.KindCase switch
    {
        Value.KindOneofCase.StructValue => ToJson(value.StructValue),
        Value.KindOneofCase.ListValue => new JsonArray([.. value.ListValue.Values.Select(ToJson)]),
        Value.KindOneofCase.BoolValue => value.BoolValue,
        Value.KindOneofCase.StringValue => value.StringValue,
        Value.KindOneofCase.NumberValue when Math.Abs(value.NumberValue) <= LargestWhole && value.NumberValue == Math.Truncate(value.NumberValue) =>
            (long)value.NumberValue,
        // JSON has no NaN: as a text it is refused with its field, where a number belongs.
        Value.KindOneofCase.NumberValue =>
            double.IsFinite(value.NumberValue) ? value.NumberValue : value.NumberValue.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };
}
