using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.Configs;
using Brownian.Import.SingleFiles;
using Brownian.Import.Weights;

namespace Brownian.Import.Folders;

/// <summary>Reads a model in one file: what all families have in common.</summary>
/// <param name="set">The file.</param>
/// <param name="settings">How it is imported.</param>
internal abstract class SingleFileReader(WeightSet set, ImportSettings settings)
{
    /// <summary>The beginnings of the names of an autoencoder's weights (<c>LDM_VAE_KEYS</c> of diffusers).</summary>
    private static readonly string[] AutoencoderPrefixes = ["first_stage_model.", "vae."];

    /// <summary>How the file is imported.</summary>
    public ImportSettings Settings => settings;

    /// <summary>The open files, which the result of the import owns.</summary>
    public List<WeightSet> Sets { get; } = [set];

    /// <summary>The files of the model folder beside the graphs.</summary>
    public List<ImportedFile> Files { get; } = [];

    /// <summary>The file.</summary>
    protected WeightSet Set => set;

    /// <summary>Reads the parts of the model, and adds <see cref="Files"/>.</summary>
    public abstract PartReader ReadParts();

    /// <summary>Returns the configuration of a part: that of <see cref="ImportSettings.ConfigFolder"/>, or what the file tells.</summary>
    /// <param name="part">The name of its folder.</param>
    /// <param name="derive">Returns what the file tells.</param>
    public JsonObject ConfigOf(string part, Func<JsonObject> derive) => settings.ConfigFolder is { } folder
        ? JsonFile.Read(Path.Combine(folder, part, DiffusersFolder.Config))
        // Numbers that were parsed are of any type, those that were assigned of one.
        : JsonNode.Parse(derive().ToJsonString())!.AsObject();

    /// <summary>Builds the graphs of a part.</summary>
    /// <param name="parts">Receives them.</param>
    /// <param name="part">The name of the part's folder.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="parameters">Its weights.</param>
    public void Read(PartReader parts, string part, JsonObject config, Parameters parameters) => parts.Read(
        part,
        new NetworkConfig(config, settings.ConfigFolder is null ? $"{parameters.Source}, {part}" : $"{part}/{DiffusersFolder.Config}")
        {
            IsDerived = settings.ConfigFolder is null,
        },
        parameters);

    /// <summary>Returns whether the name of a tensor begins with a text.</summary>
    protected bool Has(string prefix) => HasIn(set, prefix);

    /// <summary>Builds the graphs of the autoencoder, which is the file's own or <see cref="ImportSettings.Autoencoder"/>.</summary>
    /// <param name="parts">Receives them.</param>
    /// <param name="scalingFactor">What latents of the family are multiplied by.</param>
    /// <param name="others">Other keys of the family's configuration.</param>
    protected void ReadAutoencoder(PartReader parts, double scalingFactor, params ReadOnlySpan<(string Key, double Value)> others)
    {
        WeightSet source = set;
        string[] prefixes = AutoencoderPrefixes;
        if (settings.Autoencoder is { } path)
        {
            bool isFolder = Directory.Exists(path);
            source = isFolder
                ? WeightSet.Open(
                    WeightSet.Find(path, settings.Variant) ?? throw new ModelException($"{path} has no weights (*.safetensors, *.bin)"))
                : WeightSet.OpenFile(path);
            Sets.Add(source);
            if (isFolder)
            {
                string own = Path.Combine(path, DiffusersFolder.Config);
                parts.Read("vae", new NetworkConfig(JsonFile.Read(own), own), source, path);
                return;
            }
            prefixes = [.. prefixes, ""];
        }
        if (prefixes.FirstOrDefault(prefix => HasIn(source, prefix + "decoder.")) is not { } start)
        {
            parts.Faults.Add(settings.Autoencoder is null
                ? "it has no autoencoder; give its file or folder with --vae, such as the family's ae.safetensors"
                : $"{settings.Autoencoder} has no autoencoder in Stability's or diffusers' names");
            return;
        }
        JsonObject derived = new DerivedConfigs(source).OfAutoencoder(start, scalingFactor);
        foreach ((string key, double value) in others)
        {
            derived[key] = value;
        }
        JsonObject config = ConfigOf("vae", () => derived);
        int levels = config["block_out_channels"] is JsonArray channels ? channels.Count : 0;
        Read(parts, "vae", config, HasIn(source, start + "decoder.up.0.")
            ? new Parameters(source.Name, name => FindAutoencoder(source, start, levels, name), name => start + AutoencoderNames.Of(name, levels))
            : Parameters.Of(source, source.Name, name => [.. ReferenceNames.OfAutoencoder(name).Select(stored => start + stored)]));
    }

    /// <summary>Copies the scheduler, the tokenizers and the pipeline's description of a diffusers folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="without">The names of the folders that are made of others.</param>
    protected void CopyFiles(string folder, IReadOnlyCollection<string> without)
    {
        Files.Add(new ImportedFile(DiffusersFolder.ModelIndex, () => File.OpenRead(Path.Combine(folder, DiffusersFolder.ModelIndex))));
        foreach (string directory in Directory.GetDirectories(folder).Where(DiffusersFolder.IsCopied).Order(StringComparer.Ordinal)
            .Where(directory => !without.Contains(Path.GetFileName(directory), StringComparer.Ordinal)))
        {
            Files.AddRange(DiffusersFolder.CopiesOf(directory));
        }
    }

    private static bool HasIn(WeightSet source, string prefix) => new StoredShapes(source).Has(prefix);

    private static Parameter? FindAutoencoder(WeightSet source, string prefix, int levels, string name) =>
        AutoencoderNames.Of(name, levels) is not { } other || Parameters.Find(source, prefix + other) is not { } found ? null
            // Its attention is stored as convolutions.
            : name.Contains(".attentions.", StringComparison.Ordinal) && found.Shape is [var rows, var columns, 1, 1]
            ? found with { Shape = [rows, columns] }
            : found;
}
