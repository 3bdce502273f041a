using System.Text.Json;
using System.Text.Json.Serialization;

namespace Brownian.Jobs.Records;

/// <summary>Refuses null as a text of a map, which System.Text.Json accepts.</summary>
internal sealed class TextMapConverter : JsonConverter<IReadOnlyDictionary<string, string>>
{
    public override IReadOnlyDictionary<string, string>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        Dictionary<string, string>? map = JsonSerializer.Deserialize<Dictionary<string, string>>(ref reader, options);
        return map is null || !map.ContainsValue(null!) ? map : throw new JsonException("A text of a map is null.");
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, string> value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach ((string name, string text) in value)
        {
            writer.WriteString(name, text);
        }
        writer.WriteEndObject();
    }
}
