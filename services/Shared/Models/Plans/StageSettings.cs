using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Brownian.Models.Plans;

/// <summary>Settings of stages to and from JSON, with the request's spelling.</summary>
public static class StageSettings
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>As JSON.</summary>
    public static JsonObject Write<T>(T settings)
        where T : class => JsonSerializer.SerializeToNode(settings, Options)!.AsObject();

    /// <summary>As the text of JSON, for messages between services.</summary>
    public static string WriteText<T>(T settings)
        where T : class => JsonSerializer.Serialize(settings, Options);

    /// <summary>From the text of JSON.</summary>
    /// <exception cref="FieldFaultException">It is of another form.</exception>
    public static T ReadText<T>(string text, string field)
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

    /// <summary>From a stage.</summary>
    /// <exception cref="FieldFaultException">They are of another form.</exception>
    public static T Read<T>(PlanStage stage)
        where T : class
    {
        try
        {
            return stage.Settings.Deserialize<T>(Options)!;
        }
        catch (JsonException exception)
        {
            throw new FieldFaultException(new FieldFault($"plan.{stage.Name}.settings", "cannot be read: " + exception.Message));
        }
    }
}
