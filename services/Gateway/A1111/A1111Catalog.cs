using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Adapters;
using Brownian.Diffusion.Schedulers;
using Brownian.Gateway.Catalog;
using Brownian.Jobs.Catalog;
using Brownian.Models.Facts;
using Brownian.Models.Families;

namespace Brownian.Gateway.A1111;

/// <summary>What AUTOMATIC1111's clients ask for when they start: models, samplers, upscalers and the like, in its form.</summary>
/// <param name="catalog">The catalogue with the models.</param>
/// <param name="adapters">The catalogue of LoRAs.</param>
internal sealed partial class A1111Catalog(ICatalog catalog, AdapterCatalog adapters)
{
    private static readonly string[] ScheduleNames = ["Automatic", "Uniform", "Karras", "Exponential", "Beta", "SGM Uniform", "Simple"];

    /// <summary>Returns a model's name without the hash in brackets, folders and the end of a file's name.</summary>
    public static string NameOf(string title) => Ending().Replace(Hash().Replace(title.Trim(), ""), "");

    /// <summary>Returns the models.</summary>
    public async Task<JsonArray> ModelsAsync(CancellationToken cancellationToken) => new(
    [
        .. (await catalog.ModelsAsync(cancellationToken)).Where(card => card.Stages is null && ServedModels.Draws(card)).Select(card =>
        {
            string? hash = card.CheckpointSha256 is { Length: 64 } whole ? whole[..10] : null;
            return (JsonNode)new JsonObject
            {
                ["title"] = hash is null ? card.Name : $"{card.Name} [{hash}]",
                ["model_name"] = card.Name,
                // A client's own name for it.
                ["name"] = card.Name,
                ["hash"] = hash,
                ["sha256"] = card.CheckpointSha256,
                ["filename"] = card.Name,
                ["config"] = null,
            };
        }),
    ]);

    /// <summary>Returns the samplers by AUTOMATIC1111's names, with the names here as aliases.</summary>
    public static JsonArray Samplers() => new(
    [
        .. SchedulerCatalog.Names.GroupBy(name => SamplerLabel.Of([], new JsonObject { ["_class_name"] = name.Name }).Sampler)
            .Select(group => (JsonNode)new JsonObject
            {
                ["name"] = group.Key,
                ["aliases"] = new JsonArray([.. group.Select(name => (JsonNode)name.Name)]),
                ["options"] = new JsonObject(),
            }),
    ]);

    /// <summary>Returns the schedule types.</summary>
    public static JsonArray Schedules() => new(
    [
        .. ScheduleNames.Select(name => (JsonNode)new JsonObject
        {
            ["name"] = name.ToLowerInvariant().Replace(' ', '_'),
            ["label"] = name,
            ["aliases"] = null,
            ["default_rho"] = -1,
            ["need_inner_model"] = false,
        }),
    ]);

    /// <summary>Returns the upscalers: the name of none, and models.</summary>
    public async Task<JsonArray> UpscalersAsync(CancellationToken cancellationToken) => new(
    [
        Upscaler("None", 4), .. (await UpscalerModelsAsync(cancellationToken)).Select(card => (JsonNode)Upscaler(card.Name, card.Facts.Scale)),
    ]);

    /// <summary>Returns the models that make an image larger without a prompt.</summary>
    public async Task<IReadOnlyList<ModelCard>> UpscalerModelsAsync(CancellationToken cancellationToken) =>
        [.. (await catalog.ModelsAsync(cancellationToken)).Where(card => card.Stages is null && !ServedModels.Draws(card))];

    /// <summary>Returns the LoRAs.</summary>
    public JsonArray Loras() => new(
    [
        .. adapters.FileNames().Select(name => (JsonNode)new JsonObject
        {
            ["name"] = Path.GetFileName(name),
            ["alias"] = Path.GetFileName(name),
            ["path"] = name,
            ["metadata"] = new JsonObject(),
        }),
    ]);

    private static JsonObject Upscaler(string name, int? scale) =>
        new JsonObject { ["name"] = name, ["model_name"] = null, ["model_path"] = null, ["model_url"] = null, ["scale"] = scale };

    [GeneratedRegex(@"\s*\[[0-9a-fA-F]{6,64}\]$")]
    private static partial Regex Hash();

    [GeneratedRegex(@"\.(safetensors|ckpt)$")]
    private static partial Regex Ending();
}
