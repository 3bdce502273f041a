using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.Configs;

namespace Brownian.Import.Folders;

/// <summary>Reads a folder in diffusers' layout: a folder for each part, with a configuration and weights.</summary>
internal sealed class DiffusersFolder
{
    /// <summary>The name of a part's configuration.</summary>
    public const string Config = "config.json";

    /// <summary>The name of the pipeline's description.</summary>
    public const string ModelIndex = "model_index.json";

    /// <summary>The name of the model card.</summary>
    public const string Card = "README.md";

    /// <summary>The part that is left out.</summary>
    public const string SafetyChecker = "safety_checker";

    private const string LicenseKey = "license:", ControlNet = "controlnet", SchedulerConfig = "scheduler_config.json";

    /// <summary>The lines of a model card in which its licence is looked for.</summary>
    private const int MaxCardLines = 200;

    private readonly string _path;
    private readonly ImportSettings _settings;
    private readonly PartReader _parts;
    private readonly JsonObject? _index;
    private readonly List<WeightSet> _sets = [];
    private readonly List<ImportedFile> _files = [];

    /// <summary>Whether weights of the preferred variant were found.</summary>
    private bool _hasVariant;

    private DiffusersFolder(string path, ImportSettings settings)
    {
        (_path, _settings) = (path, settings);
        _index = JsonFile.ReadIfThere(Path.Combine(path, ModelIndex));
        _parts = new PartReader(settings.Graphs)
        {
            Pipeline = _index?["_class_name"]?.ToString() ?? "",
            PooledWidth = PooledWidthIn(path),
            TakesControlNets = settings.TakesControlNets || WeightSet.Find(Path.Combine(path, ControlNet), null) is not null,
        };
    }

    /// <summary>Reads a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="settings">How it is imported.</param>
    public static CheckpointSource Read(string folder, ImportSettings settings)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        bool isNetwork = !File.Exists(Path.Combine(path, ModelIndex));
        if (isNetwork && !File.Exists(Path.Combine(path, Config)))
        {
            throw new ModelException($"{folder} is not a diffusers folder: it has neither {ModelIndex} nor {Config}");
        }
        var reader = new DiffusersFolder(path, settings);
        try
        {
            reader.Read();
            return new CheckpointSource(path, reader._parts, reader._files, reader._sets)
            {
                IsNetwork = isNetwork,
                License = reader.License(),
                Identity = CheckpointSource.IdentityOf(settings, Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)),
            };
        }
        catch
        {
            foreach (WeightSet set in reader._sets)
            {
                set.Dispose();
            }
            throw;
        }
    }

    /// <summary>Returns the width of the pooled text of a folder of Stable Diffusion XL; null for others.</summary>
    public static int? PooledWidthIn(string folder) => JsonFile.ReadIfThere(Path.Combine(folder, "text_encoder_2", Config)) is { } encoder
        ? JsonFile.Integer(encoder["projection_dim"]) ?? 512
        : null;

    /// <summary>Returns whether the files of a folder are copied as they are: of a scheduler, a tokenizer, or the preparation of images.</summary>
    public static bool IsCopied(string folder) =>
        IsCopied(Path.GetFileName(folder), Directory.Exists(folder) ? Directory.GetFiles(folder).Select(file => Path.GetFileName(file)) : []);

    /// <summary>Returns whether the files of a folder are copied as they are.</summary>
    /// <param name="part">The folder's name.</param>
    /// <param name="names">The names of its files.</param>
    public static bool IsCopied(string part, IEnumerable<string> names) => part.StartsWith("tokenizer", StringComparison.Ordinal)
        || part == "feature_extractor" || names.Contains(SchedulerConfig, StringComparer.Ordinal);

    /// <summary>Returns the parts that the pipeline's description names, with the safety checker.</summary>
    public static IEnumerable<string> PartsIn(JsonObject index) => index.Select(entry => entry.Key).Where(part => IsListed(index, part));

    /// <summary>Returns what is wrong with the folder of one network; null for one that is imported alone.</summary>
    /// <param name="config">Its configuration.</param>
    public static string? FaultOfNetwork(NetworkConfig config) =>
        config.ClassName is "AutoencoderKL" or "AutoencoderTiny" or "ControlNetModel" ? null
            : $"it is one network, {config.ClassName}, of a model; import the folder of the whole model, which has a {ModelIndex}. Alone are "
                + "imported: AutoencoderKL, AutoencoderTiny, ControlNetModel";

    /// <summary>Returns the files of a folder that are copied as they are.</summary>
    public static IEnumerable<ImportedFile> CopiesOf(string folder) => Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(
        file => new ImportedFile(Path.Combine(Path.GetFileName(folder), Path.GetFileName(file)), () => File.OpenRead(file)));

    private static string RelativeName(string part, string file) => part.Length == 0 ? file : $"{part}/{file}";

    private void Read()
    {
        if (_index is null)
        {
            ReadNetwork();
        }
        else
        {
            ReadPipeline(_index);
        }
        if (_settings.Variant is { } variant && !_hasVariant)
        {
            _parts.Notes.Add($"no weights of the variant {variant} are in the folder: the others are imported");
        }
        List<string> faults = _parts.Faults;
        if (faults.Count == 0 && _parts.Built.Count == 0)
        {
            faults.Add("it has no weights (*.safetensors, *.bin)");
        }
        if (faults.Count > 0)
        {
            throw new ModelException($"{_path} cannot be imported: {string.Join("; ", faults)}");
        }
    }

    private void ReadNetwork()
    {
        if (WeightSet.Find(_path, _settings.Variant) is not { } weights)
        {
            return;
        }
        var config = new NetworkConfig(JsonFile.Read(Path.Combine(_path, Config)), Config);
        if (FaultOfNetwork(config) is { } fault)
        {
            _parts.Faults.Add(fault);
            return;
        }
        ReadPart("", config, weights);
    }

    private void ReadPipeline(JsonObject index)
    {
        _files.Add(new ImportedFile(ModelIndex, () => File.OpenRead(Path.Combine(_path, ModelIndex))));
        if (IsListed(index, SafetyChecker) || Directory.Exists(Path.Combine(_path, SafetyChecker)))
        {
            _parts.Notes.Add($"{SafetyChecker} is left out: images are not checked");
        }
        foreach (string directory in Directory.GetDirectories(_path).Order(StringComparer.Ordinal))
        {
            string part = Path.GetFileName(directory), config = Path.Combine(directory, Config);
            bool isListed = IsListed(index, part);
            if (part == SafetyChecker)
            {
                continue;
            }
            if (WeightSet.Find(directory, _settings.Variant) is { } weights && File.Exists(config))
            {
                ReadPart(part, new NetworkConfig(JsonFile.Read(config), RelativeName(part, Config)), weights);
            }
            else if (IsCopied(directory))
            {
                _files.AddRange(CopiesOf(directory));
            }
            else if (isListed)
            {
                _parts.Faults.Add($"{part} has no {(File.Exists(config) ? "weights (*.safetensors, *.bin)" : Config)}");
            }
        }
        _parts.Faults.AddRange(
            PartsIn(index).Where(part => part != SafetyChecker && !Directory.Exists(Path.Combine(_path, part)))
                .Select(part => $"{part}, which {ModelIndex} names, is missing"));
    }

    /// <summary>Returns whether the pipeline's description names a part that the folder should have.</summary>
    private static bool IsListed(JsonObject index, string part) => index[part] is JsonArray { Count: 2 } entry && entry[0] is not null;

    private void ReadPart(string part, NetworkConfig config, string weights)
    {
        var set = WeightSet.Open(weights);
        _sets.Add(set);
        _hasVariant |= _settings.Variant is { } variant && WeightSet.VariantOf(set.Name) == variant;
        _parts.Read(part, config, set, RelativeName(part, set.Name));
    }

    /// <summary>Returns the licence that the model card states (<c>README.md</c>); null for none.</summary>
    private string? License()
    {
        string card = Path.Combine(_path, Card);
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
