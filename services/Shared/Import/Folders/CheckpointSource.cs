using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.Configs;
using Brownian.Import.Networks;
using Brownian.Import.Networks.Unet;
using Brownian.Import.Weights;

namespace Brownian.Import.Folders;

/// <summary>
/// A checkpoint in a diffusers folder: the graphs that follow from its configurations, and the files that are copied beside them. Weights stay in
/// their files until the graphs are written.
/// </summary>
public sealed class CheckpointSource : IDisposable
{
    private const string Config = "config.json", ModelIndex = "model_index.json", LicenseKey = "license:";

    /// <summary>The lines of a model card in which its licence is looked for.</summary>
    private const int MaxCardLines = 200;

    private readonly List<WeightSet> _sets = [];
    private readonly List<ImportedGraph> _graphs = [];
    private readonly List<string> _copies = [];
    private readonly List<string> _notes = [];
    private readonly ImportSettings _settings;

    private CheckpointSource(string folder, JsonObject index, bool isNetwork, ImportSettings settings) =>
        (FolderPath, Index, IsNetwork, _settings) = (folder, index, isNetwork, settings);

    /// <summary>The folder.</summary>
    public string FolderPath { get; }

    /// <summary>The name of the folder.</summary>
    public string Name => Path.GetFileName(FolderPath);

    /// <summary>Whether the folder contains one network, and not a pipeline's.</summary>
    public bool IsNetwork { get; }

    /// <summary>The pipeline's description, <c>model_index.json</c>; empty for a folder of one network.</summary>
    public JsonObject Index { get; }

    /// <summary>The licence that the folder's model card states (<c>README.md</c>); null for none.</summary>
    public string? License
    {
        get
        {
            string card = Path.Combine(FolderPath, "README.md");
            if (!File.Exists(card))
            {
                return null;
            }
            // The card begins with a block of YAML between lines of three dashes.
            string[] lines = [.. File.ReadLines(card).Take(MaxCardLines)];
            int end = lines is ["---", ..] ? Array.IndexOf(lines, "---", 1) : -1;
            return lines.Take(Math.Max(end, 0)).FirstOrDefault(line => line.StartsWith(LicenseKey, StringComparison.Ordinal)) is { } found
                && found[LicenseKey.Length..].Trim().Trim('"', '\'') is { Length: > 0 } license ? license : null;
        }
    }

    /// <summary>Equal for imports of the same files with the same settings by the same version.</summary>
    internal string Identity => string.Join(
        '\n',
        [
            typeof(CheckpointSource).Assembly.GetName().Version?.ToString() ?? "", _settings.ToString(), FolderPath,
            .. Directory.EnumerateFiles(FolderPath, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
                .Select(file => new FileInfo(file)).Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}"),
        ]);

    /// <summary>The names of the graphs' folders.</summary>
    public IReadOnlyList<string> Parts => [.. _graphs.Select(graph => graph.Part)];

    /// <summary>What of the folder was left out, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The bytes of weights that are written.</summary>
    public long Bytes => _graphs.Sum(graph => graph.Graph.WeightBytes);

    /// <summary>The width of the pooled text of Stable Diffusion XL; null for others.</summary>
    private int? PooledWidth => JsonFile.ReadIfThere(Path.Combine(FolderPath, "text_encoder_2", Config)) is { } encoder
        ? JsonFile.Integer(encoder["projection_dim"]) ?? 512
        : null;

    internal IReadOnlyList<ImportedGraph> Graphs => _graphs;

    /// <summary>The paths of files, relative to the folder, that are copied as they are.</summary>
    internal IReadOnlyList<string> Copies => _copies;

    /// <summary>Reads the configurations and the headers of the files of weights.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="settings">How it is imported.</param>
    /// <exception cref="ModelException">
    /// A file is missing or damaged, or a network or an option of it is not supported; the message names all that was found.
    /// </exception>
    public static CheckpointSource Open(string folder, ImportSettings settings)
    {
        string path = Path.GetFullPath(folder);
        string index = Path.Combine(path, ModelIndex);
        bool isNetwork = !File.Exists(index) && File.Exists(Path.Combine(path, Config));
        if (!isNetwork && !File.Exists(index))
        {
            throw new ModelException($"{folder} is not a diffusers folder: it has neither {ModelIndex} nor {Config}");
        }
        var source = new CheckpointSource(path, isNetwork ? [] : JsonFile.Read(index), isNetwork, settings);
        try
        {
            source.Read();
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (WeightSet set in _sets)
        {
            set.Dispose();
        }
    }

    private void Read()
    {
        var faults = new List<string>();
        if (IsNetwork)
        {
            if (WeightSet.Find(FolderPath, _settings.Variant) is { } weights)
            {
                ReadPart("", Path.Combine(FolderPath, Config), weights, faults);
            }
        }
        else
        {
            ReadPipeline(faults);
        }
        if (faults.Count == 0 && _graphs.Count == 0)
        {
            faults.Add("it has no weights (*.safetensors, *.bin)");
        }
        if (faults.Count > 0)
        {
            throw new ModelException($"{FolderPath} cannot be imported: {string.Join("; ", faults)}");
        }
    }

    private void ReadPipeline(List<string> faults)
    {
        _copies.Add(ModelIndex);
        foreach (string directory in Directory.GetDirectories(FolderPath).Order(StringComparer.Ordinal))
        {
            string part = Path.GetFileName(directory);
            string config = Path.Combine(directory, Config);
            if (WeightSet.Find(directory, _settings.Variant) is { } weights && File.Exists(config))
            {
                ReadPart(part, config, weights, faults);
            }
            else if (IsCopied(directory, part))
            {
                _copies.AddRange(
                    Directory.GetFiles(directory).Order(StringComparer.Ordinal).Select(file => Path.Combine(part, Path.GetFileName(file))));
            }
            else if (IsListed(part))
            {
                faults.Add($"{part} has no {(File.Exists(config) ? "weights (*.safetensors, *.bin)" : Config)}");
            }
        }
        faults.AddRange(
            Index.Select(entry => entry.Key).Where(part => IsListed(part) && !Directory.Exists(Path.Combine(FolderPath, part)))
                .Select(part => $"{part}, which {ModelIndex} names, is missing"));
    }

    /// <summary>Returns whether the pipeline's description names a part that the folder should have.</summary>
    private bool IsListed(string part) => Index[part] is JsonArray { Count: 2 } entry && entry[0] is not null;

    private static bool IsCopied(string directory, string part) => File.Exists(Path.Combine(directory, "scheduler_config.json"))
        || part.StartsWith("tokenizer", StringComparison.Ordinal) || part == "feature_extractor";

    private void ReadPart(string part, string configFile, string weights, List<string> faults)
    {
        var config = new NetworkConfig(JsonFile.Read(configFile), RelativeName(part, Config));
        string name = config.ClassName;
        if (part == "safety_checker")
        {
            _notes.Add($"{part} ({name}) is left out: images are not checked");
            return;
        }
        var set = WeightSet.Open(weights);
        _sets.Add(set);
        var parameters = Parameters.Of(set, RelativeName(part, set.Name));
        int first = _graphs.Count;
        if (IsNetwork && name is not ("AutoencoderKL" or "AutoencoderTiny" or "ControlNetModel"))
        {
            faults.Add(
                $"it is one network, {name}, of a model; import the folder of the whole model, which has a {ModelIndex}. Alone are imported: "
                    + "AutoencoderKL, AutoencoderTiny, ControlNetModel");
            return;
        }
        switch (name)
        {
            case "UNet2DConditionModel":
                Add(part, Unet2DCondition.Build(config, parameters, _settings.Graphs, InputsOf(part)));
                break;
            case "UNet2DModel":
                Add(part, Unet2D.Build(config, parameters, _settings.Graphs));
                break;
            case "AutoencoderKL":
                var autoencoder = new AutoencoderKl(config, parameters.Rename(ReferenceNames.OfAutoencoder), _settings.Graphs);
                Add("vae_encoder", autoencoder.BuildEncoder());
                Add("vae_decoder", autoencoder.BuildDecoder());
                break;
            case "AutoencoderTiny":
                Add("vae_decoder", AutoencoderTiny.BuildDecoder(config, parameters, _settings.Graphs));
                break;
            case "CLIPTextModel" or "CLIPTextModelWithProjection":
                Add(
                    part,
                    ClipText.Build(
                        config, parameters.Rename(ReferenceNames.OfClipText), _settings.Graphs, isProjected: name != "CLIPTextModel"));
                break;
            case "T5EncoderModel":
                // Of the pipelines only DeepFloyd IF's give the encoder a mask.
                bool hasMask = Index["_class_name"]?.ToString().StartsWith("IF", StringComparison.Ordinal) == true;
                Add(part, T5Encoder.Build(config, parameters.Rename(ReferenceNames.OfT5), _settings.Graphs, hasMask));
                break;
            case "CLIPVisionModelWithProjection":
                Add(part, ClipVision.Build(config, parameters, _settings.Graphs));
                break;
            case "PriorTransformer":
                Add(part, PriorTransformer.Build(config, parameters, _settings.Graphs), PriorTransformer.Constants);
                break;
            case "UnCLIPTextProjModel":
                Add(part, UnclipTextProjection.Build(config, parameters, _settings.Graphs), UnclipTextProjection.Constants);
                break;
            case "SD3Transformer2DModel":
                Add(part, Sd3Transformer.Build(config, parameters, _settings.Graphs));
                break;
            case "FluxTransformer2DModel":
                Add(part, FluxTransformer.Build(config, parameters, _settings.Graphs));
                break;
            case "ControlNetModel":
                Add(part, ControlNet.Build(config, parameters, _settings.Graphs, PooledWidth));
                break;
            default:
                faults.Add($"{part} is {(name.Length > 0 ? "a " + name : "a network without a class")}, which is not supported");
                break;
        }
        faults.AddRange(config.Faults.Select(fault => $"{config.Source}: {fault}"));
        if (config.Faults.Count == 0)
        {
            // Weights that do not fit a configuration that is not supported say nothing.
            faults.AddRange(_graphs.Skip(first).Where(graph => graph.Graph.Faults.Count > 0)
                .Select(graph => GraphBuilder.FaultText(parameters.Source, graph.Graph.Faults)));
        }

        void Add(string folder, GraphBuilder graph, params string[] constants)
        {
            var files = new Dictionary<string, Parameter>(StringComparer.Ordinal);
            foreach (string constant in constants)
            {
                if (parameters.Find(constant) is { Shape: [_] or [1, _] } parameter)
                {
                    files[constant] = parameter;
                }
                else
                {
                    faults.Add($"{parameters.Source} has no {constant}");
                }
            }
            _graphs.Add(new ImportedGraph(folder, graph, configFile, files));
        }
    }

    /// <summary>
    /// The inputs of a UNet that its own configuration does not name. Karlo's decoder takes the mask of the text, no other does. A folder with a
    /// ControlNet has a UNet that takes its outputs.
    /// </summary>
    private UnetInputs InputsOf(string part) => new(
        HasTextMask: part == "decoder",
        HasControl: part == "unet" && WeightSet.Find(Path.Combine(FolderPath, "controlnet"), null) is not null,
        PooledWidth: PooledWidth);

    private static string RelativeName(string part, string file) => part.Length == 0 ? file : $"{part}/{file}";
}
