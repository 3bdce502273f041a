using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Formats.Tensors;

namespace Brownian.Models.Folders;

/// <summary>
/// A model on disk: what lies in its folder, whichever exporter laid it out. Graphs are found by their folders, not by
/// <c>model_index.json</c>, which names the parts of the pipeline that was exported.
/// </summary>
public sealed class ModelFolder
{
    /// <summary>The folders that may hold a graph.</summary>
    private static readonly string[] Parts =
    [
        "text_encoder", "text_encoder_2", "text_encoder_3", "unet", "transformer", "prior", "decoder", "vae_encoder", "vae_decoder",
        ControlNet, "image_encoder", "safety_checker", "preview_decoder", "text_proj", "super_res_first", "super_res_last",
        UpscalerPart,
        "unet" + PerturbedSuffix, "transformer" + PerturbedSuffix,
    ];

    /// <summary>The folder of an upscaler's graph.</summary>
    public const string UpscalerPart = "upscaler";

    /// <summary>What the folder of a denoiser's graph with perturbed self-attention ends in.</summary>
    public const string PerturbedSuffix = "_pag";

    /// <summary>The folder of the first ControlNet; the others are this, an underscore and 1, 2, ...</summary>
    private const string ControlNet = "controlnet";

    private ModelFolder(string path, string name, IReadOnlyDictionary<string, GraphFile> graphs)
    {
        FolderPath = path;
        Name = name;
        Graphs = graphs;
        Manifest = ModelManifest.Read(path);
        Index = JsonFile.ReadIfThere(Path.Combine(path, "model_index.json"));
        Scheduler = SchedulerOf("scheduler");
    }

    /// <summary>Where it is.</summary>
    public string FolderPath { get; }

    /// <summary>The folder's own name.</summary>
    public string Name { get; }

    /// <summary>Which graphs are taken where a folder has several; null for <c>model.onnx</c>.</summary>
    public string? Precision { get; private init; }

    /// <summary>The graphs that are there, by the names of their folders.</summary>
    public IReadOnlyDictionary<string, GraphFile> Graphs { get; }

    /// <summary>The graphs of ControlNets: <c>controlnet</c>, <c>controlnet_1</c>, <c>controlnet_2</c>, ..., in that order.</summary>
    public IReadOnlyList<GraphFile> ControlNets =>
        [
            .. Graphs.Values.Select(graph => (Graph: graph, Number: ControlNetNumber(graph.Part))).Where(net => net.Number is not null)
                .OrderBy(net => net.Number).Select(net => net.Graph)
        ];

    /// <summary><c>brownian.json</c>.</summary>
    public ModelManifest Manifest { get; }

    /// <summary><c>model_index.json</c>, or null.</summary>
    public JsonObject? Index { get; }

    /// <summary><c>scheduler/scheduler_config.json</c>, or null.</summary>
    public JsonObject? Scheduler { get; }

    /// <summary>The folder of the tokenizer, or null.</summary>
    public string? Tokenizer => Existing("tokenizer");

    /// <summary>The folder of the second text encoder's tokenizer, or null.</summary>
    public string? SecondTokenizer => Existing("tokenizer_2");

    /// <summary>The folder of the third text encoder's tokenizer, or null.</summary>
    public string? ThirdTokenizer => Existing("tokenizer_3");

    /// <summary>The class that <c>model_index.json</c> says, for example <c>IFPipeline</c>; empty where it says none.</summary>
    public string PipelineClass => Index?["_class_name"] is JsonValue name && name.TryGetValue(out string? text) ? text! : "";

    /// <summary>Whether a folder looks like a model's.</summary>
    public static bool IsModel(string folder) =>
        File.Exists(Path.Combine(folder, "model_index.json")) || Parts.Any(part => Directory.Exists(Path.Combine(folder, part)));

    /// <summary>Reads a folder's description; loads no graph.</summary>
    /// <param name="folder">Where it is.</param>
    /// <param name="precision">Graphs called <c>model_PRECISION.onnx</c> are taken before <c>model.onnx</c>, for example <c>fp16</c>; null for the
    /// latter.</param>
    /// <exception cref="ModelException">A file of it is damaged, or no graph has that precision.</exception>
    public static ModelFolder Open(string folder, string? precision = null)
    {
        string path = Path.GetFullPath(folder);
        var graphs = new Dictionary<string, GraphFile>(StringComparer.Ordinal);
        string[] more = Directory.Exists(path)
            ?
            [
                .. Directory.EnumerateDirectories(path, ControlNet + "_*").Select(directory => Path.GetFileName(directory))
                    .Where(name => ControlNetNumber(name) is not null)
            ]
            : [];
        foreach (string part in (string[])[.. Parts, .. more])
        {
            if (GraphFile.Find(part, Path.Combine(path, part), precision) is { } graph)
            {
                graphs[part] = graph;
            }
        }
        if (precision is not null && graphs.Count > 0 && graphs.Values.All(graph => Path.GetFileName(graph.File) != $"model_{precision}.onnx"))
        {
            throw new ModelException($"The model folder {path} has no graph model_{precision}.onnx: it is not there in the precision {precision}");
        }
        return new ModelFolder(path, Path.GetFileName(path.TrimEnd(Path.DirectorySeparatorChar)), graphs) { Precision = precision };
    }

    /// <summary>The <c>scheduler_config.json</c> of a folder, or null.</summary>
    /// <param name="folder">For example <c>scheduler</c> or <c>prior_scheduler</c>.</param>
    /// <exception cref="ModelException">It is damaged.</exception>
    public JsonObject? SchedulerOf(string folder) => JsonFile.ReadIfThere(Path.Combine(FolderPath, folder, "scheduler_config.json"));

    /// <summary>The <c>scheduler_config.json</c> of a folder, with a class and options that are known.</summary>
    /// <exception cref="ModelException">It is missing or damaged.</exception>
    public JsonObject RequireScheduler(string folder)
    {
        JsonObject scheduler =
            SchedulerOf(folder) ?? throw new ModelException($"The model folder {FolderPath} has no {folder}/scheduler_config.json");
        try
        {
            SchedulerCatalog.Create(scheduler);
        }
        catch (FieldFaultException exception)
        {
            throw new ModelException($"The model folder {FolderPath}, {folder}/{exception.Message}", exception);
        }
        return scheduler;
    }

    /// <summary>The folder of a tokenizer that must be there.</summary>
    /// <exception cref="ModelException">It is not.</exception>
    public string RequireFolder(string folder) =>
        Existing(folder) ?? throw new ModelException($"The model folder {FolderPath} has no {folder} folder");

    /// <summary>A file of numbers that must be there.</summary>
    /// <param name="part">The folder.</param>
    /// <param name="name">The file.</param>
    /// <exception cref="ModelException">It is missing or damaged.</exception>
    public Tensor RequireNumbers(string part, string name)
    {
        string file = Path.Combine(FolderPath, part, name);
        try
        {
            return NpyFile.Read(File.ReadAllBytes(file));
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new ModelException($"The model folder {FolderPath}: {part}/{name} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>A graph that must be there.</summary>
    /// <exception cref="ModelException">It is not; the message says what is.</exception>
    public GraphFile Require(string part)
    {
        if (Graphs.TryGetValue(part, out GraphFile? graph))
        {
            return graph;
        }
        string directory = Path.Combine(FolderPath, part);
        string found = Graphs.Count == 0 ? "no graphs" : "only " + string.Join(", ", Graphs.Keys.Order(StringComparer.Ordinal));
        string hint = Directory.Exists(directory)
            && Directory.EnumerateFiles(directory)
                .Any(file => file.EndsWith(".safetensors", StringComparison.Ordinal) || file.EndsWith(".bin", StringComparison.Ordinal))
            ? ". " + ModelExport.HowTo(FolderPath)
            : "";
        throw new ModelException($"The model folder {FolderPath} has {found}; {part}/model.onnx is missing{hint}");
    }

    /// <summary>Which ControlNet a folder holds, from 0, as <c>MultiControlNetModel.save_pretrained</c> names them; null for none.</summary>
    private static int? ControlNetNumber(string part)
    {
        if (part == ControlNet)
        {
            return 0;
        }
        return part.StartsWith(ControlNet + "_", StringComparison.Ordinal) && part.AsSpan(ControlNet.Length + 1) is [>= '1' and <= '9', ..]
            && int.TryParse(part.AsSpan(ControlNet.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
    }

    private string? Existing(string folder) => Path.Combine(FolderPath, folder) is var path && Directory.Exists(path) ? path : null;
}
