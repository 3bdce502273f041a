using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;

namespace Brownian.Formats.Checkpoints;

/// <summary>The weights of one network: a file, or several with an index that names the file of each tensor.</summary>
public sealed class WeightSet : IDisposable
{
    private readonly IReadOnlyList<WeightFile> _files;
    private readonly Dictionary<string, WeightFile> _owners;

    private WeightSet(string name, IReadOnlyList<WeightFile> files, Dictionary<string, WeightFile> owners)
    {
        (Name, _files, _owners) = (name, files, owners);
        Tensors = owners.ToDictionary(entry => entry.Key, entry => entry.Value.Tensors[entry.Key], StringComparer.Ordinal);
    }

    /// <summary>The name of the file, or of the index, in messages.</summary>
    public string Name { get; }

    /// <summary>The tensors by their names.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>Further facts that the file states; empty for several files.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _files is [var file] ? file.Metadata : new Dictionary<string, string>();

    /// <summary>Opens one file that contains all weights.</summary>
    /// <param name="file">The path.</param>
    /// <exception cref="ModelException">See <see cref="CheckpointFile.Open"/>.</exception>
    public static WeightSet OpenFile(string file)
    {
        WeightFile opened = CheckpointFile.Open(file);
        return new WeightSet(opened.Name, [opened], opened.Tensors.Keys.ToDictionary(name => name, _ => opened, StringComparer.Ordinal));
    }

    /// <summary>Finds the weights in a part's folder of a diffusers folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="variant">
    /// The variant to prefer, such as <c>fp16</c>; null for none. A part that has no such variant has its plain file read, and a part that has only
    /// files of variants has the first of them read.
    /// </param>
    /// <returns>The path of the file or index; null when there is none.</returns>
    public static string? Find(string folder, string? variant) =>
        Directory.Exists(folder) && Choose(Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file)), variant) is { } found
            ? Path.Combine(folder, found)
            : null;

    /// <summary>Chooses the weights among the files of a part's folder, as <see cref="Find"/> does.</summary>
    /// <param name="names">The names of the folder's files.</param>
    /// <param name="variant">The variant to prefer; null for none.</param>
    /// <returns>The name of the file or index; null when there is none.</returns>
    public static string? Choose(IEnumerable<string> names, string? variant)
    {
        string[] present = [.. names.Order(StringComparer.Ordinal)];
        string?[] variants = [variant, null, .. present.Select(VariantOf).OfType<string>().Distinct(StringComparer.Ordinal)];
        return variants.SelectMany(Names).FirstOrDefault(name => present.Contains(name, StringComparer.Ordinal));
    }

    /// <summary>Returns the variant of a file's name; null for none.</summary>
    public static string? VariantOf(string name) => name.Split('.') switch
    {
        ["diffusion_pytorch_model" or "model" or "pytorch_model", var variant, "safetensors" or "bin"] when !IsShard(variant) => variant,
        ["diffusion_pytorch_model" or "model" or "pytorch_model", "safetensors" or "bin", "index", var variant, "json"] => variant,
        ["diffusion_pytorch_model" or "model" or "pytorch_model", var variant, "safetensors" or "bin", "index", "json"] => variant,
        _ => null,
    };

    /// <summary>Returns the names of the files of weights that an index names, in the index's own folder.</summary>
    /// <param name="index">The index.</param>
    /// <param name="name">Its name in messages.</param>
    /// <exception cref="ModelException">It is no index, or names a file of another folder.</exception>
    public static IReadOnlyList<string> ShardsOf(JsonObject index, string name) =>
        [.. OwnersIn(index, name).Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>Opens what <see cref="Find"/> returned.</summary>
    /// <param name="file">The path of a file or an index.</param>
    /// <exception cref="ModelException">A file is damaged or missing, or the index does not fit the files.</exception>
    public static WeightSet Open(string file) => file.EndsWith(".json", StringComparison.Ordinal) ? OpenIndex(file) : OpenFile(file);

    /// <inheritdoc cref="WeightFile.Read(StoredTensor, long, Span{float})"/>
    public void Read(StoredTensor tensor, long first, Span<float> values) => _owners[tensor.Name].Read(tensor, first, values);

    /// <inheritdoc cref="WeightFile.Read(StoredTensor)"/>
    public float[] Read(StoredTensor tensor) => _owners[tensor.Name].Read(tensor);

    /// <inheritdoc cref="WeightFile.ReadBytes(StoredTensor, long, Span{byte})"/>
    public void ReadBytes(StoredTensor tensor, long offset, Span<byte> bytes) => _owners[tensor.Name].ReadBytes(tensor, offset, bytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (WeightFile file in _files)
        {
            file.Dispose();
        }
    }

    /// <summary>
    /// The names of diffusers and transformers, the preferred first: safetensors before PyTorch's, a whole file before shards. Older versions put the
    /// variant of an index at its end.
    /// </summary>
    private static IEnumerable<string> Names(string? variant)
    {
        string part = variant is null ? "" : "." + variant;
        foreach ((string stem, string extension) in ((string, string)[])
            [("diffusion_pytorch_model", "safetensors"), ("model", "safetensors"), ("diffusion_pytorch_model", "bin"), ("pytorch_model", "bin")])
        {
            yield return $"{stem}{part}.{extension}";
            yield return $"{stem}.{extension}.index{part}.json";
            yield return $"{stem}{part}.{extension}.index.json";
        }
    }

    private static bool IsShard(string variant) => variant.Contains("-of-", StringComparison.Ordinal);

    private static WeightSet OpenIndex(string index)
    {
        string name = Path.GetFileName(index), folder = Path.GetDirectoryName(Path.GetFullPath(index))!;
        Dictionary<string, string> map = OwnersIn(JsonFile.Read(index), name);
        var files = new Dictionary<string, WeightFile>(StringComparer.Ordinal);
        try
        {
            foreach (string shard in map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                files[shard] = CheckpointFile.Open(Path.Combine(folder, shard), shard);
            }
            string[] missing =
                [.. map.Where(entry => !files[entry.Value].Tensors.ContainsKey(entry.Key)).Select(entry => $"{entry.Key} ({entry.Value})")];
            return missing.Length == 0
                ? new WeightSet(name, [.. files.Values], map.ToDictionary(entry => entry.Key, entry => files[entry.Value], StringComparer.Ordinal))
                : throw new ModelException(
                    $"{name} names {missing.Length} tensors that its files do not contain: {string.Join(", ", missing.Take(5))}"
                        + (missing.Length > 5 ? ", ..." : ""));
        }
        catch
        {
            foreach (WeightFile file in files.Values)
            {
                file.Dispose();
            }
            throw;
        }
    }

    /// <summary>Returns the file of each tensor.</summary>
    private static Dictionary<string, string> OwnersIn(JsonObject index, string name)
    {
        if (index["weight_map"] is not JsonObject { Count: > 0 } weights)
        {
            throw new ModelException($"{name} is not an index of weights: it has no weight_map, or an empty one");
        }
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string tensor, JsonNode? file) in weights)
        {
            // Only files of the same folder.
            if (file is not JsonValue value || !value.TryGetValue(out string? shard) || shard.Length == 0 || shard != Path.GetFileName(shard)
                || shard is "." or "..")
            {
                throw new ModelException(
                    $"{name}: the file of \"{tensor}\" is {file?.ToJsonString() ?? "null"}; allowed: the name of a file in the same folder");
            }
            map[tensor] = shard;
        }
        return map;
    }
}
