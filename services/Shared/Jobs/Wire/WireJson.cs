using System.Text.Json;

namespace Brownian.Jobs.Wire;

/// <summary>The format of JSON within messages, which is that of request files.</summary>
public static class WireJson
{
    /// <summary>The serializer options.</summary>
    public static JsonSerializerOptions Options { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Reads the value of a field.</summary>
    /// <exception cref="FieldFaultException">The text is not JSON of that type.</exception>
    public static T Read<T>(string text, string field)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, Options) ?? throw new JsonException("null");
        }
        catch (JsonException exception)
        {
            throw new FieldFaultException(new FieldFault(field, "cannot be read as JSON: " + exception.Message));
        }
    }

    /// <summary>Reads the value of a field; null when it is empty.</summary>
    /// <exception cref="FieldFaultException">The text is not JSON of that type.</exception>
    public static T? ReadOrNull<T>(string text, string field)
        where T : class
    {
        try
        {
            return text.Length == 0 ? null : JsonSerializer.Deserialize<T>(text, Options);
        }
        catch (JsonException exception)
        {
            throw new FieldFaultException(new FieldFault(field, "cannot be read: " + exception.Message));
        }
    }
}
