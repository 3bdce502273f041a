using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>
/// Models that process an image one after the other, defined by a folder's <c>cascade.json</c>: <c>stages</c> in order, each with a <c>role</c>, the
/// <c>model</c>'s folder (relative to the cascade's folder), and optionally a <c>seed_offset</c> and <c>settings</c>; and the fields <c>title</c>,
/// <c>description</c> and <c>license</c>.
/// </summary>
public sealed record Cascade
{
    /// <summary>The file's name.</summary>
    public const string FileName = "cascade.json";

    /// <summary>The family in a cascade's card.</summary>
    public const string Family = "cascade";

    /// <summary>The role of the stage that generates the image.</summary>
    public const string Base = "base";

    /// <summary>The minimum number of stages.</summary>
    public const int FewestStages = 2;

    /// <summary>The maximum number of stages.</summary>
    public const int MaxStages = 3;

    /// <summary>The fields that the file may have.</summary>
    public static IReadOnlyList<string> Fields { get; } = ["$schema", "title", "description", "license", "stages"];

    /// <summary>The fields that a stage in the file may have.</summary>
    public static IReadOnlyList<string> StageFields { get; } = ["role", "model", "seed_offset", "settings"];

    /// <summary>The roles of stages: <c>base</c> generates an image, the others enlarge it.</summary>
    public static IReadOnlyList<string> Roles { get; } = [Base, "super-resolution", "upscaler"];

    /// <summary>The name of the folder.</summary>
    public required string Name { get; init; }

    /// <summary>The path of the folder.</summary>
    public required string FolderPath { get; init; }

    /// <summary>A display name.</summary>
    public string? Title { get; init; }

    /// <summary>A description of the images that the cascade generates.</summary>
    public string? Description { get; init; }

    /// <summary>The cascade's license.</summary>
    public string? License { get; init; }

    /// <summary>The stages in order.</summary>
    public required IReadOnlyList<CascadeStage> Stages { get; init; }

    /// <summary>The models' folders, in the order of the stages.</summary>
    public required IReadOnlyList<string> Folders { get; init; }

    /// <summary>Returns whether a folder contains a cascade.</summary>
    public static bool IsCascade(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads the cascade of a folder.</summary>
    /// <exception cref="ModelException">
    /// The file is missing or damaged, or names folders that are no models. One message contains every fault.
    /// </exception>
    public static Cascade Open(string folder)
    {
        string path = Path.GetFullPath(folder), file = Path.Combine(path, FileName);
        JsonObject json = JsonFile.ReadIfThere(file) ?? throw new ModelException($"{file} does not exist");
        var faults = new List<string>();
        foreach ((string name, _) in json.Where(field => !Fields.Contains(field.Key)))
        {
            faults.Add($"unknown field \"{name}\"; known: {string.Join(", ", Fields)}");
        }
        JsonArray listed = json["stages"] as JsonArray ?? [];
        if (listed.Count is < FewestStages or > MaxStages)
        {
            faults.Add($"stages: {listed.Count} of them; allowed: {FewestStages}..{MaxStages}");
        }
        var stages = new List<CascadeStage>();
        var folders = new List<string>();
        for (int i = 0; i < listed.Count; i++)
        {
            ReadStage(string.Create(CultureInfo.InvariantCulture, $"stages[{i}]"), listed[i] as JsonObject ?? [], i == 0);
        }
        if (stages.Select(stage => stage.Model).Distinct(StringComparer.Ordinal).Count() < stages.Count)
        {
            faults.Add("two stages have folders of the same name; jobs identify models by this name");
        }
        if (faults.Count > 0)
        {
            throw new ModelException($"{file}: {string.Join("; ", faults)}");
        }
        return new Cascade
        {
            Name = Path.GetFileName(path.TrimEnd(Path.DirectorySeparatorChar)),
            FolderPath = path,
            Title = Text("title"),
            Description = Text("description"),
            License = Text("license"),
            Stages = stages,
            Folders = folders,
        };

        string? Text(string name) => json[name] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

        void ReadStage(string field, JsonObject stage, bool isFirst)
        {
            foreach ((string name, _) in stage.Where(entry => !StageFields.Contains(entry.Key)))
            {
                faults.Add($"{field}: unknown field \"{name}\"; known: {string.Join(", ", StageFields)}");
            }
            string role = stage["role"]?.ToString() ?? "", model = stage["model"]?.ToString() ?? "";
            // No path has a zero character.
            string folder = Path.Combine(path, model.Replace("\0", "", StringComparison.Ordinal));
            if (!Roles.Contains(role) || isFirst != (role == Base))
            {
                faults.Add($"{field}.role: \"{role}\"; allowed: {(isFirst ? Base : string.Join(", ", Roles.Skip(1)))}");
            }
            if (model.Length == 0 || model.Contains('\0', StringComparison.Ordinal) || !Directory.Exists(folder) || !ModelFolder.IsModel(folder))
            {
                faults.Add($"{field}.model: \"{model}\" is not the folder of a model");
            }
            int? offset = stage["seed_offset"] is null ? 0 : JsonFile.Integer(stage["seed_offset"]);
            if (offset is null or < 0 || (isFirst && offset != 0))
            {
                faults.Add($"{field}.seed_offset: {stage["seed_offset"]!.ToJsonString()}; allowed: {(isFirst ? "0" : $"0..{int.MaxValue}")}");
            }
            JsonObject settings = stage["settings"] as JsonObject ?? [];
            foreach ((string name, _) in settings.Where(setting => !RequestSchema.Is(setting.Key, FieldScope.Stage)))
            {
                faults.Add($"{field}.settings: unknown field \"{name}\"");
            }
            stages.Add(
                new CascadeStage(
                    role, Path.GetFileName(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar)), offset ?? 0,
                    (JsonObject)settings.DeepClone()));
            folders.Add(Path.GetFullPath(folder));
        }
    }

    /// <summary>Rejects a cascade with a model that does not fit the role of its stage.</summary>
    /// <exception cref="ModelException">A model does not fit its role.</exception>
    public void RequireRoles()
    {
        for (int i = 0; i < Stages.Count; i++)
        {
            ModelFolder model = ModelFolder.Open(Folders[i]);
            ModelFamilies.Require(model);
            ModelFacts facts = ModelFamilies.Read(model);
            if (ModelFamilies.Upscales(facts) == (Stages[i].Role == Base))
            {
                throw new ModelException(
                    $"{Path.Combine(FolderPath, FileName)}: stages[{i}] has the role {Stages[i].Role}, and {Stages[i].Model} is "
                        + $"{ModelFamilies.NameOf(facts)}, which {(Stages[i].Role == Base ? "upscales images" : "does not upscale images")}");
            }
        }
    }

    /// <summary>Returns the cascade's card, for processes without access to the folders.</summary>
    public ModelCard ToCard() => new()
    {
        Name = Name,
        Family = Family,
        Fingerprint = Convert.ToHexStringLower(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(
                    string.Join('\n', Stages.Select(stage => $"{stage.Role} {stage.Model} {stage.SeedOffset} {stage.Settings.ToJsonString()}"))))),
        Facts = new ModelFacts { Family = Family },
        Scheduler = [],
        Title = Title,
        Description = Description,
        License = License,
        Stages = Stages,
    };

    /// <summary>
    /// Expands a request that names a cascade to a request that names its stages. The cascade's settings apply to fields that the request does not
    /// set.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="stages">The cascade's stages.</param>
    /// <param name="models">The names of the stages' models where the request is executed.</param>
    public static JsonObject Expand(JsonObject request, IReadOnlyList<CascadeStage> stages, IReadOnlyList<string> models)
    {
        var expanded = (JsonObject)request.DeepClone();
        expanded["model"] = new JsonArray([.. models.Select(model => JsonValue.Create(model))]);
        for (int i = 0; i < stages.Count; i++)
        {
            string block = string.Create(CultureInfo.InvariantCulture, $"stage_{i + 1}");
            if (expanded[block] is null or JsonObject)
            {
                var settings = (JsonObject)stages[i].Settings.DeepClone();
                foreach ((string name, JsonNode? value) in expanded[block] as JsonObject ?? [])
                {
                    settings[name] = value?.DeepClone();
                }
                expanded[block] = settings;
            }
            if (i > 0 && stages[i].SeedOffset > 0 && expanded[block + "_seed_offset"] is null)
            {
                expanded[block + "_seed_offset"] = stages[i].SeedOffset;
            }
        }
        return expanded;
    }
}
