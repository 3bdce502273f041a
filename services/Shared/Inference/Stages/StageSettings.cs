using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Brownian.Inference.Plans;

namespace Brownian.Inference.Stages;

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
