using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Requests;

namespace Brownian.Models.Folders;

/// <summary>The <c>brownian.json</c> of a model's folder: its description, license and default values. Every field is optional.</summary>
public sealed record ModelManifest
{
    private static readonly string[] Fields =
        [
        "title", "description", "license", "attribution", "defaults", "examples", "scaling_factor", "family", "source", "fingerprint",
        "checkpoint_sha256",
    ];
    private static readonly string[] DefaultFields = ["steps", "guidance_scale", "guidance_rescale", "width", "height", "scheduler"];

    /// <summary>The manifest of a folder without one.</summary>
    public static ModelManifest Empty { get; } = new();

    /// <summary>A display name.</summary>
    public string? Title { get; init; }

    /// <summary>A description of the images that the model generates.</summary>
    public string? Description { get; init; }

    /// <summary>The license, as an SPDX identifier when there is one.</summary>
    public string? License { get; init; }

    /// <summary>The authors to credit, or the file that lists them.</summary>
    public string? Attribution { get; init; }

    /// <summary>The scaling factor of the latents, when no <c>config.json</c> states it.</summary>
    public double? ScalingFactor { get; init; }

    /// <summary>The family of an imported model; a name for readers, because a folder's family follows from its graphs.</summary>
    public string? Family { get; init; }

    /// <summary>What an imported model was imported from.</summary>
    public string? Source { get; init; }

    /// <summary>The SHA-256 of an imported model's graphs and weights, in hexadecimal.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>The SHA-256 of the file that a model was imported from, in hexadecimal; null for models that come from no single file.</summary>
    public string? CheckpointSha256 { get; init; }

    /// <summary>Example prompts.</summary>
    public IReadOnlyList<string> Examples { get; init; } = [];

    /// <summary>The model's recommended default values.</summary>
    public ModelDefaults Defaults { get; init; } = new();

    /// <summary>Reads a folder's manifest.</summary>
    /// <exception cref="ModelException">The manifest has an unknown field or a field of another type.</exception>
    public static ModelManifest Read(string folder)
    {
        string file = Path.Combine(folder, "brownian.json");
        if (JsonFile.ReadIfThere(file) is not { } json)
        {
            return Empty;
        }
        RequireKnown(json, Fields, file, "");
        JsonObject defaults = json["defaults"] is null ? [] : json["defaults"] as JsonObject ?? throw Invalid(file, "defaults", json["defaults"]!);
        RequireKnown(defaults, DefaultFields, file, "defaults.");
        Check(defaults, "steps", 1, 1000, file);
        Check(defaults, "guidance_scale", 0, 100, file);
        Check(defaults, "guidance_rescale", 0, 1, file);
        Check(defaults, "width", GenerationRequest.MinSide, GenerationRequest.MaxSide, file);
        Check(defaults, "height", GenerationRequest.MinSide, GenerationRequest.MaxSide, file);
        return new ModelManifest
        {
            Title = Get<string>(json, "title", file),
            Description = Get<string>(json, "description", file),
            License = Get<string>(json, "license", file),
            Attribution = Get<string>(json, "attribution", file),
            Family = Get<string>(json, "family", file),
            Source = Get<string>(json, "source", file),
            Fingerprint = Get<string>(json, "fingerprint", file),
            CheckpointSha256 = HashIn(json, file),
            ScalingFactor = GetValue<double>(json, "scaling_factor", file),
            Examples = [.. (Get<JsonArray>(json, "examples", file) ?? []).Select((example, i) =>
                example is JsonValue value && value.TryGetValue(out string? text) ? text
                    : throw new ModelException(string.Create(
                        CultureInfo.InvariantCulture, $"{file}: \"examples[{i}]\" is {example?.ToJsonString() ?? "null"}; allowed: text")))],
            Defaults = new ModelDefaults
            {
                Steps = GetValue<int>(defaults, "steps", file),
                GuidanceScale = GetValue<double>(defaults, "guidance_scale", file),
                GuidanceRescale = GetValue<double>(defaults, "guidance_rescale", file),
                Width = GetValue<int>(defaults, "width", file),
                Height = GetValue<int>(defaults, "height", file),
                Scheduler = defaults["scheduler"] switch
                {
                    null => null,
                    JsonObject scheduler => scheduler,
                    JsonValue name when name.TryGetValue(out string? text) => new JsonObject { ["_class_name"] = text },
                    JsonNode other => throw Invalid(file, "defaults.scheduler", other),
                },
            },
        };
    }

    private static string? HashIn(JsonObject json, string file)
    {
        const int Digits = 64;
        return Get<string>(json, "checkpoint_sha256", file) is not { } hash || (hash.Length == Digits && hash.All(char.IsAsciiHexDigitLower))
            ? Get<string>(json, "checkpoint_sha256", file)
            : throw new ModelException(
                $"{file}: \"checkpoint_sha256\" is {JsonValue.Create(hash).ToJsonString()}; allowed: 64 hexadecimal digits in lower case");
    }

    private static void Check(JsonObject defaults, string name, double minimum, double maximum, string file)
    {
        if (GetValue<double>(defaults, name, file) is { } value && !(value >= minimum && value <= maximum))
        {
            throw new ModelException(
                string.Create(CultureInfo.InvariantCulture, $"{file}: \"defaults.{name}\" is {value}; allowed: {minimum}..{maximum}"));
        }
    }

    private static void RequireKnown(JsonObject json, string[] known, string file, string prefix)
    {
        if (json.Select(field => field.Key).FirstOrDefault(field => !known.Contains(field)) is { } unknown)
        {
            throw new ModelException($"{file}: unknown field \"{prefix}{unknown}\"; known: {string.Join(", ", known)}");
        }
    }

    private static T? Get<T>(JsonObject json, string name, string file)
        where T : class =>
        json[name] switch
        {
            null => null,
            T node => node,
            JsonValue value when value.TryGetValue(out T? result) => result,
            JsonNode other => throw Invalid(file, name, other),
        };

    private static T? GetValue<T>(JsonObject json, string name, string file)
        where T : struct =>
        json[name] switch
        {
            null => null,
            JsonValue value when value.TryGetValue(out T result) => result,
            JsonNode other => throw Invalid(file, name, other),
        };

    private static ModelException Invalid(string file, string name, JsonNode value) =>
        new($"{file}: \"{name}\" has the value {value.ToJsonString()}, which is of another type");
}
