using System.Text.Json.Nodes;
using Brownian.Gateway.Requests;
using Brownian.Requests;
using Brownian.Requests.Schema;
using Brownian.V1;

namespace Brownian.Cli.Requests;

/// <summary>Reads the fields of a request: those that run here, and those that a gateway takes.</summary>
internal static class RequestReading
{
    /// <summary>Reads a request that runs here.</summary>
    /// <param name="requested">The fields.</param>
    /// <param name="faults">Receives the faults of fields that are for a gateway only.</param>
    /// <exception cref="FieldFaultException">A field is unknown or invalid; contains the earlier faults, too.</exception>
    public static GenerationRequest Read(JsonObject requested, List<FieldFault> faults)
    {
        JsonObject generation = Without(
            requested, (name, value) => RequestSchema.Job.Find(name) is { } field && value is not null && !field.IsNeutral(value),
            _ => "is a field of a gateway's job; allowed with --server", faults);
        try
        {
            return RequestReader.Read(generation);
        }
        catch (FieldFaultException exception)
        {
            throw new FieldFaultException([.. faults, .. exception.Faults]);
        }
    }

    /// <summary>Converts a request to a gateway's message.</summary>
    /// <param name="requested">The fields.</param>
    /// <param name="faults">Receives the faults of unknown fields.</param>
    /// <exception cref="FieldFaultException">A field has a wrong type; contains the earlier faults, too.</exception>
    public static GenerateRequest ReadMessage(JsonObject requested, List<FieldFault> faults)
    {
        // The message has further names for some fields. A request file has the same names with and without --server.
        string[] known = [.. RequestSchema.All.Select(field => field.Name)];
        JsonObject whole = Without(
            requested, (name, _) => RequestSchema.Find(name) is null,
            name => OtherNames.DescribeUnknown(name, known), faults);
        try
        {
            return RequestMessage.Read(whole);
        }
        catch (FieldFaultException exception)
        {
            throw new FieldFaultException([.. faults, .. exception.Faults]);
        }
    }

    /// <summary>Whether a request needs a prompt: variations and previews have none, and upscaling can do without.</summary>
    public static bool NeedsPrompt(JsonObject requested) => requested["interpolate"] is null
        && (requested["task"] as JsonValue)?.ToString() is not (RequestTask.Variation or RequestTask.Preview or RequestTask.Upscale);

    /// <summary>Returns the number of images of a request.</summary>
    public static int ImagesOf(GenerationRequest request) => request.Interpolate?.Frames ?? request.Seeds?.Count ?? request.Count;

    /// <summary>Returns the number of images of a gateway's message.</summary>
    /// <param name="request">The message.</param>
    /// <param name="requested">The fields from which it was read.</param>
    public static int ImagesOf(GenerateRequest request, JsonObject requested) =>
        requested["interpolate"]?["frames"] is JsonValue frames && frames.TryGetValue(out int count) ? count
        : request.Seeds.Count > 0 ? request.Seeds.Count
        : request.HasCount ? request.Count
        : 1;

    /// <summary>Returns a request without some fields, each of which is reported.</summary>
    private static JsonObject Without(
        JsonObject request, Func<string, JsonNode?, bool> isRefused, Func<string, string> reason, List<FieldFault> faults)
    {
        var rest = new JsonObject();
        foreach ((string name, JsonNode? value) in request)
        {
            if (isRefused(name, value))
            {
                faults.Add(new FieldFault(name, reason(name)));
            }
            else
            {
                rest[name] = value?.DeepClone();
            }
        }
        return rest;
    }
}
