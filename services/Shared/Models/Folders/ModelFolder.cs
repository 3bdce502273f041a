using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Formats.Tensors;

namespace Brownian.Models.Folders;

/// <summary>
/// A model on disk: the contents of its folder, independent of the exporter that wrote it. Graphs are found by their folders and not by
/// <c>model_index.json</c>, which names the parts of the exported pipeline.
/// </summary>
public sealed class ModelFolder
{
    /// <summary>The folders that may contain a graph.</summary>
    private static readonly string[] Parts =
    [
        "text_encoder", "text_encoder_2", "text_encoder_3", "unet", "transformer", "prior", "decoder", "vae_encoder", "vae_decoder",
        ControlNet, "image_encoder", "safety_checker", "preview_decoder", "text_proj", "super_res_first", "super_res_last",
        UpscalerPart,
        "unet" + PerturbedSuffix, "transformer" + PerturbedSuffix,
    ];

    /// <summary>The folder of an upscaler's graph.</summary>
    public const string UpscalerPart = "upscaler";

    /// <summary>The suffix of the folder of a denoiser's graph with perturbed self-attention.</summary>
    public const string PerturbedSuffix = "_pag";

    /// <summary>The folder of the first ControlNet. The others have an underscore and 1, 2, ... appended.</summary>
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

    /// <summary>The path of the folder.</summary>
    public string FolderPath { get; }

    /// <summary>The name of the folder.</summary>
    public string Name { get; }

    /// <summary>The precision of the graphs that are used when a folder has several; null for <c>model.onnx</c>.</summary>
    public string? Precision { get; private init; }

    /// <summary>The graphs of the folder, by the names of their folders.</summary>
    public IReadOnlyDictionary<string, GraphFile> Graphs { get; }

    /// <summary>The graphs of ControlNets: <c>controlnet</c>, <c>controlnet_1</c>, <c>controlnet_2</c>, ..., in that order.</summary>
    public IReadOnlyList<GraphFile> ControlNets =>
        [
            .. Graphs.Values.Select(graph => (Graph: graph, Number: ControlNetNumber(graph.Part))).Where(net => net.Number is not null)
                .OrderBy(net => net.Number).Select(net => net.Graph)
        ];

    /// <summary>The contents of <c>brownian.json</c>.</summary>
    public ModelManifest Manifest { get; }

    /// <summary>The contents of <c>model_index.json</c>, or null.</summary>
    public JsonObject? Index { get; }

    /// <summary>The contents of <c>scheduler/scheduler_config.json</c>, or null.</summary>
    public JsonObject? Scheduler { get; }

    /// <summary>The folder of the tokenizer, or null.</summary>
    public string? Tokenizer => Existing("tokenizer");

    /// <summary>The folder of the second text encoder's tokenizer, or null.</summary>
    public string? SecondTokenizer => Existing("tokenizer_2");

    /// <summary>The class in <c>model_index.json</c>, for example <c>IFPipeline</c>; empty when there is none.</summary>
    public string PipelineClass => Index?["_class_name"] is JsonValue name && name.TryGetValue(out string? text) ? text! : "";

    /// <summary>Returns whether a folder looks like a model's folder.</summary>
    public static bool IsModel(string folder) =>
        File.Exists(Path.Combine(folder, "model_index.json")) || Parts.Any(part => Directory.Exists(Path.Combine(folder, part)));

    /// <summary>Reads the descriptions in a folder. Loads no graph.</summary>
    /// <param name="folder">The folder's path.</param>
    /// <param name="precision">
    /// Graphs named <c>model_PRECISION.onnx</c> are preferred to <c>model.onnx</c>, for example <c>fp16</c>; null to use the latter.
    /// </param>
    /// <exception cref="ModelException">A file is damaged, or no graph has that precision.</exception>
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
            throw new ModelException(
                $"The model folder {path} has no graph model_{precision}.onnx: the model is not available in the precision {precision}");
        }
        return new ModelFolder(path, Path.GetFileName(path.TrimEnd(Path.DirectorySeparatorChar)), graphs) { Precision = precision };
    }

    /// <summary>Returns the <c>scheduler_config.json</c> of a folder, or null.</summary>
    /// <param name="folder">For example <c>scheduler</c> or <c>prior_scheduler</c>.</param>
    /// <exception cref="ModelException">The file is damaged.</exception>
    public JsonObject? SchedulerOf(string folder) => JsonFile.ReadIfThere(Path.Combine(FolderPath, folder, "scheduler_config.json"));

    /// <summary>Returns the <c>scheduler_config.json</c> of a folder, after checking that its class and options are supported.</summary>
    /// <exception cref="ModelException">The file is missing or damaged.</exception>
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

    /// <summary>Returns the path of a tokenizer's folder, which must exist.</summary>
    /// <exception cref="ModelException">The folder does not exist.</exception>
    public string RequireFolder(string folder) =>
        Existing(folder) ?? throw new ModelException($"The model folder {FolderPath} has no {folder} folder");

    /// <summary>Reads a required file of numbers.</summary>
    /// <param name="part">The folder.</param>
    /// <param name="name">The file.</param>
    /// <exception cref="ModelException">The file is missing or damaged.</exception>
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

    /// <summary>Returns a required graph.</summary>
    /// <exception cref="ModelException">The graph does not exist. The message lists the graphs that do.</exception>
    public GraphFile Require(string part)
    {
        if (Graphs.TryGetValue(part, out GraphFile? graph))
        {
            return graph;
        }
        string found = Graphs.Count == 0 ? "no graphs" : "only " + string.Join(", ", Graphs.Keys.Order(StringComparer.Ordinal));
        // A diffusers folder has other names for some parts: its VAE is one part.
        string hint = Directory.Exists(FolderPath)
            && Directory.EnumerateDirectories(FolderPath).SelectMany(Directory.EnumerateFiles)
                .Any(file => file.EndsWith(".safetensors", StringComparison.Ordinal) || file.EndsWith(".bin", StringComparison.Ordinal))
            ? ". " + ModelExport.HowToImport(FolderPath)
            : "";
        throw new ModelException($"The model folder {FolderPath} has {found}; {part}/model.onnx is missing{hint}");
    }

    /// <summary>
    /// Returns the index of the ControlNet in a folder, from 0, as <c>MultiControlNetModel.save_pretrained</c> numbers them; null when the folder
    /// contains none.
    /// </summary>
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
