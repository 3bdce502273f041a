using System.Text.Json;
using System.Text.Json.Serialization;
using Brownian.Formats.Files;

namespace Brownian.Jobs.Records;

/// <summary>The JSON format in which stores write definitions, records and cards.</summary>
public static class JobJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower), new TextMapConverter() },
        MaxDepth = 256,
        RespectNullableAnnotations = true,
        TypeInfoResolver = ContractJson.Resolver,
        AllowDuplicateProperties = false,
    };

    /// <summary>Serializes a value to UTF-8 JSON.</summary>
    public static byte[] Write<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, Options);

    /// <summary>Deserializes a value from UTF-8 JSON; unknown fields are ignored.</summary>
    /// <exception cref="JsonException">The bytes are not JSON of this type.</exception>
    /// <exception cref="InvalidDataException">The JSON is null, or its values contradict each other.</exception>
    public static T Read<T>(ReadOnlySpan<byte> bytes)
    {
        ContractJson.Check(bytes);
        try
        {
            return JsonSerializer.Deserialize<T>(bytes, Options) ?? throw new InvalidDataException("The stored record is null");
        }
        catch (ArgumentException exception)
        {
            // A constructor refuses its arguments.
            throw new InvalidDataException($"The stored {typeof(T).Name} is not valid: {exception.Message}", exception);
        }
    }
}
