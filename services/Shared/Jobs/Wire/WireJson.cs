using System.Text.Json;

namespace Brownian.Jobs.Wire;

/// <summary>How JSON within messages is spelled: as request files are.</summary>
public static class WireJson
{
    /// <summary>The options.</summary>
    public static JsonSerializerOptions Options { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>What a field holds.</summary>
    /// <exception cref="FieldFaultException">It is not of that form.</exception>
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

    /// <summary>What a field holds; null where it is empty.</summary>
    /// <exception cref="FieldFaultException">It is not of that form.</exception>
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
