using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Gateway.Requests;

/// <summary>
/// JSON requests may write some fields in two ways, which a message's fields cannot have: the name of a list of timesteps, a scheduler's
/// name, one image or number instead of a list. They are put into the one form before the message is read.
/// </summary>
public static class RequestUnions
{
    /// <summary>The most bytes of a request in JSON.</summary>
    private const int LargestBody = 4 << 20;

    private static readonly string[] Lists = ["control_image", "controlnet_conditioning_scale", "control_guidance_start", "control_guidance_end"];

    /// <summary>Rewrites the body of a submission; leaves everything else as it is.</summary>
    public static async Task RewriteAsync(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsPost(context.Request.Method) && context.Request.Path == "/v1/jobs" && context.Request.HasJsonContentType()
            && context.Request.ContentLength is null or <= LargestBody)
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            context.Request.Body = new MemoryStream(Rewrite(body.ToArray()));
            context.Request.ContentLength = context.Request.Body.Length;
        }
        await next(context);
    }

    /// <summary>Puts the fields of a request that may be written in two ways into the one that a message has.</summary>
    public static void Apply(JsonObject json)
    {
        if (json["timesteps"] is JsonValue name && name.GetValueKind() == JsonValueKind.String)
        {
            json.Remove("timesteps");
            json["timesteps_name"] = name;
        }
        if (json["scheduler"] is JsonValue scheduler && scheduler.GetValueKind() == JsonValueKind.String)
        {
            json["scheduler"] = new JsonObject { ["_class_name"] = scheduler.DeepClone() };
        }
        if (json["model"] is JsonArray models)
        {
            json.Remove("model");
            json["models"] = models;
        }
        foreach (string list in Lists)
        {
            if (json[list] is JsonValue one)
            {
                json[list] = new JsonArray(one.DeepClone());
            }
        }
    }

    private static byte[] Rewrite(byte[] body)
    {
        try
        {
            if (JsonNode.Parse(body) is not JsonObject json)
            {
                return body;
            }
            Apply(json);
            return JsonSerializer.SerializeToUtf8Bytes(json);
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or InvalidOperationException)
        {
            // Whoever reads the message says what is wrong with it.
            return body;
        }
    }
}
