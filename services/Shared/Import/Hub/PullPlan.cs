using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.Configs;
using Brownian.Import.Folders;

namespace Brownian.Import.Hub;

/// <summary>
/// Which files of a repository an import needs. Some of them name others: the pipeline's description its parts, an index its files of weights. A
/// plan is made again when those have been read, until it is complete.
/// </summary>
public sealed class PullPlan
{
    /// <summary>The number of files that a message lists.</summary>
    private const int MaxListed = 20;

    private static readonly string[] CopiedExtensions = [".json", ".txt", ".model"];

    private readonly HubSnapshot _snapshot;
    private readonly string? _variant;
    private readonly Func<string, JsonObject?> _read;
    private readonly Dictionary<string, HubFile> _known;
    private readonly Dictionary<string, HubFile> _needed = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];

    private PullPlan(HubSnapshot snapshot, string? variant, Func<string, JsonObject?> read)
    {
        (_snapshot, _variant, _read) = (snapshot, variant, read);
        _known = snapshot.Files.ToDictionary(file => file.Path, StringComparer.Ordinal);
    }

    /// <summary>The needed files that are known so far, in the order of their paths.</summary>
    public IReadOnlyList<HubFile> Files => [.. _needed.Values.OrderBy(file => file.Path, StringComparer.Ordinal)];

    /// <summary>Whether these are all; else the files that were read as null come first.</summary>
    public bool IsComplete => Unread.Count == 0;

    /// <summary>The files that name others and that could not be read yet.</summary>
    public IReadOnlyList<HubFile> Unread { get; private set; } = [];

    /// <summary>The path of the single file that is imported; null for a folder.</summary>
    public string? SingleFile { get; private set; }

    /// <summary>Makes a plan.</summary>
    /// <param name="snapshot">The repository.</param>
    /// <param name="variant">The variant of weights to prefer, such as <c>fp16</c>; null for none.</param>
    /// <param name="file">The path of the single file that is imported; null for a diffusers folder or the only file.</param>
    /// <param name="read">Reads a JSON file of the repository by its path; null when it is not there yet.</param>
    /// <exception cref="ModelException">
    /// The repository has no such file, nothing that can be imported, or several files of which one must be named.
    /// </exception>
    public static PullPlan Of(HubSnapshot snapshot, string? variant, string? file, Func<string, JsonObject?> read)
    {
        var plan = new PullPlan(snapshot, variant, read);
        if (file is not null)
        {
            plan.AddSingle(file);
        }
        else if (plan._known.ContainsKey(DiffusersFolder.ModelIndex))
        {
            plan.AddPipeline();
        }
        else if (plan._known.ContainsKey(DiffusersFolder.Config) && WeightSet.Choose(plan.NamesIn(""), variant) is { } weights)
        {
            plan.AddNetwork(weights);
        }
        else
        {
            plan.AddOnly();
        }
        return plan._faults.Count == 0 ? plan
            : throw new ModelException($"{snapshot.Repository} cannot be imported: {string.Join("; ", plan._faults)}");
    }

    /// <summary>Returns whether a file of a scheduler or tokenizer is needed: not weights, nor their index.</summary>
    private static bool IsCopied(string name) => CopiedExtensions.Contains(Path.GetExtension(name), StringComparer.Ordinal)
        && !name.Contains(".index.", StringComparison.Ordinal);

    private static string Within(string part, string name) => part.Length == 0 ? name : $"{part}/{name}";

    private void AddPipeline()
    {
        Add(DiffusersFolder.Card);
        if (Read(DiffusersFolder.ModelIndex) is not { } index)
        {
            return;
        }
        foreach (string part in DiffusersFolder.PartsIn(index).Where(part => part != DiffusersFolder.SafetyChecker))
        {
            string[] names = [.. NamesIn(part)];
            if (names.Contains(DiffusersFolder.Config, StringComparer.Ordinal) && WeightSet.Choose(names, _variant) is { } weights)
            {
                Add(Within(part, DiffusersFolder.Config));
                AddWeights(part, weights);
            }
            else if (names.Length > 0 && DiffusersFolder.IsCopied(part, names))
            {
                foreach (string name in names.Where(IsCopied))
                {
                    Add(Within(part, name));
                }
            }
            else
            {
                _faults.Add(names.Length == 0 ? $"{part}, which {DiffusersFolder.ModelIndex} names, is missing"
                    : $"{part} has no weights that can be imported (*.safetensors, *.bin, with {DiffusersFolder.Config})");
            }
        }
    }

    private void AddNetwork(string weights)
    {
        Add(DiffusersFolder.Card);
        if (Read(DiffusersFolder.Config) is not { } config)
        {
            return;
        }
        if (DiffusersFolder.FaultOfNetwork(new NetworkConfig(config, DiffusersFolder.Config)) is { } fault)
        {
            _faults.Add(fault);
            return;
        }
        AddWeights("", weights);
    }

    private void AddWeights(string part, string weights)
    {
        string path = Within(part, weights);
        if (!path.EndsWith(".json", StringComparison.Ordinal))
        {
            Add(path);
            return;
        }
        if (Read(path) is not { } index)
        {
            return;
        }
        foreach (string shard in WeightSet.ShardsOf(index, path))
        {
            if (!Add(Within(part, shard)))
            {
                _faults.Add($"{path} names {shard}, which the repository does not have");
            }
        }
    }

    private void AddSingle(string file)
    {
        SingleFile = file;
        if (!Add(file))
        {
            throw new ModelException(
                $"{_snapshot.Repository} has no file {file}{(SingleFiles() is { Length: > 0 } others ? "; it has " + List(others) : "")}");
        }
    }

    private void AddOnly()
    {
        switch (SingleFiles())
        {
            case [var only]:
                AddSingle(only.Path);
                break;
            case { Length: > 0 } several:
                throw new ModelException($"{_snapshot.Repository} has several checkpoints: name one by --file. It has {List(several)}");
            default:
                throw new ModelException(
                    $"{_snapshot.Repository} has no weights that can be imported: neither {DiffusersFolder.ModelIndex}, nor a network with "
                        + $"{DiffusersFolder.Config}, nor a file {string.Join(", ", ImportCache.Extensions.Select(extension => "*" + extension))}");
        }
    }

    private HubFile[] SingleFiles() =>
    [
        .. _snapshot.Files.Where(file => ImportCache.Extensions.Contains(Path.GetExtension(file.Path), StringComparer.Ordinal))
            .OrderBy(file => file.Path, StringComparer.Ordinal)
    ];

    private static string List(HubFile[] files) => string.Join(", ", files.Take(MaxListed).Select(file => file.Size is { } size
        ? string.Create(CultureInfo.InvariantCulture, $"{file.Path} ({size / 1e6:0.0} MB)") : file.Path))
        + (files.Length > MaxListed ? string.Create(CultureInfo.InvariantCulture, $" and {files.Length - MaxListed} more") : "");

    /// <summary>Returns the names of the files in a folder of the repository.</summary>
    private IEnumerable<string> NamesIn(string part)
    {
        string prefix = Within(part, "");
        return _snapshot.Files.Where(file => file.Path.StartsWith(prefix, StringComparison.Ordinal)).Select(file => file.Path[prefix.Length..])
            .Where(name => !name.Contains('/', StringComparison.Ordinal));
    }

    private bool Add(string path) => _known.TryGetValue(path, out HubFile? file) && (_needed.TryAdd(path, file) || true);

    /// <summary>Adds a file that names others, and reads it; null when it is not there yet.</summary>
    private JsonObject? Read(string path)
    {
        Add(path);
        JsonObject? json = _read(path);
        if (json is null)
        {
            Unread = [.. Unread, _known[path]];
        }
        return json;
    }
}
