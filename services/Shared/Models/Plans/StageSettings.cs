using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Brownian.Formats.Files;

namespace Brownian.Models.Plans;

/// <summary>Converts the settings of stages to and from JSON, with the naming of requests.</summary>
public static class StageSettings
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        TypeInfoResolver = ContractJson.Resolver,
        AllowDuplicateProperties = false,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Returns settings as a JSON object.</summary>
    public static JsonObject Write<T>(T settings)
        where T : class => JsonSerializer.SerializeToNode(settings, Options)!.AsObject();

    /// <summary>Returns settings as JSON text, for messages between services.</summary>
    public static string WriteText<T>(T settings)
        where T : class => JsonSerializer.Serialize(settings, Options);

    /// <summary>Parses settings from JSON text.</summary>
    /// <exception cref="FieldFaultException">The text is not JSON of these settings.</exception>
    public static T ReadText<T>(string text, string field)
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

    /// <summary>Reads the settings of a stage.</summary>
    /// <exception cref="FieldFaultException">The stage's settings have another form.</exception>
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
