using System.Text.Json;
using Brownian.Formats.Files;

namespace Brownian.Jobs.Wire;

/// <summary>The format of JSON within messages, which is that of request files.</summary>
public static class WireJson
{
    /// <summary>The serializer options.</summary>
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        TypeInfoResolver = ContractJson.Resolver,
        AllowDuplicateProperties = false,
    };

    /// <summary>Reads the value of a field.</summary>
    /// <exception cref="FieldFaultException">The text is not JSON of that type.</exception>
    public static T Read<T>(string text, string field)
        where T : class
    {
        try
        {
            ContractJson.Check(text);
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
        if (text.Length == 0)
        {
            return null;
        }
        try
        {
            ContractJson.Check(text);
            return JsonSerializer.Deserialize<T>(text, Options);
        }
        catch (JsonException exception)
        {
            throw new FieldFaultException(new FieldFault(field, "cannot be read: " + exception.Message));
        }
    }
}
