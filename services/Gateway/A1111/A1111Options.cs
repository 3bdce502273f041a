using System.Text.Json.Nodes;

namespace Brownian.Gateway.A1111;

/// <summary>The options that a tenant has set with <c>POST /sdapi/v1/options</c>, and which its later calls begin with.</summary>
/// <param name="Model">The model; null for the gateway's default model.</param>
/// <param name="ClipSkip">AUTOMATIC1111's clip skip, 1 for none; null for the model's own.</param>
/// <param name="ShowsPreviews">Whether jobs make previews, which <c>progress</c> then shows.</param>
internal sealed record A1111Options(string? Model = null, int? ClipSkip = null, bool ShowsPreviews = false)
{
    private const string ModelName = "sd_model_checkpoint", ClipSkipName = "CLIP_stop_at_last_layers", PreviewsName = "live_previews_enable";

    /// <summary>Other options that clients set, with the only value that they have here.</summary>
    private static readonly Dictionary<string, string> Fixed = new(StringComparer.Ordinal)
    {
        ["sd_vae"] = "\"Automatic\"",
        ["samples_format"] = "\"png\"",
        ["eta_noise_seed_delta"] = "0",
        ["randn_source"] = "\"CPU\"",
    };

    /// <summary>Returns whether an option has the only value that it has here.</summary>
    public static bool IsNeutral(string name, JsonNode? value) =>
        value is null || (Fixed.TryGetValue(name, out string? only) && (value.ToJsonString() == only || value.ToJsonString() == "\"None\""));

    /// <summary>Returns all options.</summary>
    /// <param name="usual">The gateway's default model; null for none.</param>
    public JsonObject ToJson(string? usual)
    {
        var json = new JsonObject
        {
            [ModelName] = Model ?? usual,
            [ClipSkipName] = ClipSkip ?? 1,
            [PreviewsName] = ShowsPreviews,
        };
        foreach ((string name, string value) in Fixed)
        {
            json[name] = JsonNode.Parse(value);
        }
        return json;
    }

    /// <summary>Returns the options with those of a call.</summary>
    /// <param name="json">The call.</param>
    /// <param name="models">The names of the models.</param>
    /// <param name="faults">Receives the faults.</param>
    public A1111Options With(JsonObject json, IReadOnlyList<string> models, List<FieldFault> faults)
    {
        A1111Options changed = this;
        var body = new A1111Body(json, faults);
        foreach ((string name, JsonNode? value) in json)
        {
            switch (name)
            {
                case ModelName:
                    string? model = body.Text(name) is { Length: > 0 } given ? A1111Catalog.NameOf(given) : null;
                    if (model is not null && !models.Contains(model))
                    {
                        faults.Add(FieldFault.Of(name, model, string.Join(", ", models), Spelling.Hint(model, models)));
                    }
                    changed = changed with { Model = model };
                    break;
                case ClipSkipName:
                    if (body.Number(name) is { } layers && (layers < 1 || layers != Math.Truncate(layers) || layers > 12))
                    {
                        faults.Add(FieldFault.Of(name, value, "1..12"));
                    }
                    changed = changed with { ClipSkip = (int?)body.Number(name) };
                    break;
                case PreviewsName:
                    changed = changed with { ShowsPreviews = body.Truth(name) };
                    break;
                default:
                    if (!IsNeutral(name, value))
                    {
                        faults.Add(Fixed.TryGetValue(name, out string? only)
                            ? FieldFault.Of(name, value, only)
                            : new FieldFault(name, $"is not an option{Spelling.Hint(name, Names)}; known: {string.Join(", ", Names)}"));
                    }
                    break;
            }
        }
        return changed;
    }

    private static IReadOnlyList<string> Names => [ModelName, ClipSkipName, PreviewsName, .. Fixed.Keys];
}
