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
/// Models that make a picture one after the other, tied together by a folder's <c>cascade.json</c>: <c>stages</c> in order, each with a
/// <c>role</c>, the <c>model</c>'s folder (from the cascade's own), and where wanted a <c>seed_offset</c> and <c>settings</c>; beside them
/// <c>title</c>, <c>description</c> and <c>license</c>.
/// </summary>
public sealed record Cascade
{
    /// <summary>The file's name.</summary>
    public const string FileName = "cascade.json";

    /// <summary>What is written for a family of a cascade's card.</summary>
    public const string Family = "cascade";

    /// <summary>The role of the stage that makes an image.</summary>
    public const string Base = "base";

    /// <summary>The fewest stages.</summary>
    public const int FewestStages = 2;

    /// <summary>The most stages.</summary>
    public const int MaxStages = 3;

    /// <summary>What the file may say.</summary>
    public static IReadOnlyList<string> Fields { get; } = ["$schema", "title", "description", "license", "stages"];

    /// <summary>What it may say of a stage.</summary>
    public static IReadOnlyList<string> StageFields { get; } = ["role", "model", "seed_offset", "settings"];

    /// <summary>What a stage may be: <c>base</c> makes a picture, the others make it larger.</summary>
    public static IReadOnlyList<string> Roles { get; } = [Base, "super-resolution", "upscaler"];

    /// <summary>The folder's own name.</summary>
    public required string Name { get; init; }

    /// <summary>Where it is.</summary>
    public required string FolderPath { get; init; }

    /// <summary>A name for people.</summary>
    public string? Title { get; init; }

    /// <summary>What it draws.</summary>
    public string? Description { get; init; }

    /// <summary>The licence.</summary>
    public string? License { get; init; }

    /// <summary>The stages in order.</summary>
    public required IReadOnlyList<CascadeStage> Stages { get; init; }

    /// <summary>The models' folders, in the stages' order.</summary>
    public required IReadOnlyList<string> Folders { get; init; }

    /// <summary>Whether a folder holds one.</summary>
    public static bool IsCascade(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads a folder's file.</summary>
    /// <exception cref="ModelException">It is missing or damaged, or names folders that are no models; every fault in one message.</exception>
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
            faults.Add("two stages have folders of one name; jobs tell models by it");
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
            string role = stage["role"]?.ToString() ?? "", model = stage["model"]?.ToString() ?? "", folder = Path.Combine(path, model);
            if (!Roles.Contains(role) || isFirst != (role == Base))
            {
                faults.Add($"{field}.role: \"{role}\"; allowed: {(isFirst ? Base : string.Join(", ", Roles.Skip(1)))}");
            }
            if (model.Length == 0 || !Directory.Exists(folder) || !ModelFolder.IsModel(folder))
            {
                faults.Add($"{field}.model: \"{model}\" is no model's folder");
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

    /// <summary>Refuses folders whose models do not do what their stages' roles say.</summary>
    /// <exception cref="ModelException">One does not.</exception>
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
                        + $"{ModelFamilies.NameOf(facts)}, which {(Stages[i].Role == Base ? "makes a image larger" : "makes no image larger")}");
            }
        }
    }

    /// <summary>Its card, for processes that do not have the folders.</summary>
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

    /// <summary>A request that names a cascade as one that names its stages: what the request does not say is the cascade's.</summary>
    /// <param name="request">The request.</param>
    /// <param name="stages">The cascade's.</param>
    /// <param name="models">What the stages' models are called where the request goes.</param>
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
