using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Gateway.Requests;

/// <summary>
/// Converts fields that JSON requests may write in two notations, which a message's fields do not support: the name of a list of timesteps, a
/// scheduler's name, one image or number instead of a list. They are converted to a single notation before the message is read.
/// </summary>
public static class RequestUnions
{
    private static readonly string[] Lists =
    [
        .. RequestSchema.Request.All.Where(field => field.Declared is TextListFieldAttribute or NumberListFieldAttribute).Select(field => field.Name),
    ];

    /// <summary>Converts the fields of a request that have two notations to the message's notation.</summary>
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
}
