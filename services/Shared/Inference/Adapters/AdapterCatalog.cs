using System.Text.Json;
using Brownian.Inference.Models;

namespace Brownian.Inference.Adapters;

/// <summary>
/// Where LoRAs and textual inversions are found by name: in folders given by the caller, and in those of <c>BROWNIAN_ADAPTERS</c>. Sets that
/// were opened lately are kept.
/// </summary>
public sealed class AdapterCatalog
{
    /// <summary>The environment variable that names folders of adapters, separated as <c>PATH</c> is.</summary>
    public const string Variable = "BROWNIAN_ADAPTERS";

    private const string Ending = ".safetensors";

    /// <summary>Sets that are kept; the files of each are in memory.</summary>
    private const int KeptSets = 4;

    private readonly bool _takesPaths;
    private readonly Lock _lock = new();
    private readonly List<(string Key, AdapterSet Set)> _kept = [];

    /// <param name="folders">Folders that hold adapters; the first that has a name wins.</param>
    /// <param name="takesPaths">Whether a name may also be a path anywhere: for whoever names files of their own machine.</param>
    public AdapterCatalog(IEnumerable<string> folders, bool takesPaths)
    {
        Folders = [.. folders.Select(Path.GetFullPath).Distinct(StringComparer.Ordinal)];
        _takesPaths = takesPaths;
    }

    /// <summary>Of a process without adapters.</summary>
    public static AdapterCatalog None { get; } = new([], takesPaths: false);

    /// <summary>Where is looked, in order.</summary>
    public IReadOnlyList<string> Folders { get; }

    /// <summary>The catalogue of a program.</summary>
    /// <param name="given">Folders that the caller names; looked in first.</param>
    /// <param name="takesPaths">As of the constructor.</param>
    public static AdapterCatalog Create(IReadOnlyList<string> given, bool takesPaths) =>
        new([.. given, .. (Environment.GetEnvironmentVariable(Variable) ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)], takesPaths);

    /// <summary>Opens what a request names.</summary>
    /// <param name="references">Names and weights.</param>
    /// <param name="faults">Where faults of <c>loras[i]</c> and <c>textual_inversions[i]</c> go.</param>
    /// <returns>The set, and the references with what the files hash to; null where there are faults.</returns>
    public (AdapterSet Set, AdapterReferences References)? Open(AdapterReferences references, List<FieldFault> faults)
    {
        int before = faults.Count;
        LoraFile?[] loras = [.. references.Loras.Select((lora, i) => Read($"loras[{i}]", () => LoraFile.Read(Find(lora.File), lora.File)))];
        TextualInversion?[] inversions = [.. references.TextualInversions.Select((inversion, i) => Read($"textual_inversions[{i}]", () => TextualInversion.Read(Find(inversion.File), inversion.Token, inversion.File)))];
        if (faults.Count > before)
        {
            return null;
        }
        AdapterSet? set = Read("textual_inversions", () => new AdapterSet([.. references.Loras.Zip(loras, (reference, lora) => new LoraUse(lora!, reference.Weight))], inversions!));
        if (set is null)
        {
            return null;
        }
        var known = new AdapterReferences
        {
            Loras = [.. references.Loras.Zip(loras, (reference, lora) => reference with { Sha256 = lora!.Sha256 })],
            TextualInversions = [.. references.TextualInversions.Zip(inversions, (reference, inversion) => reference with { Token = inversion!.Token, Sha256 = inversion.Sha256 })],
        };
        Keep(known, set);
        return (set, known);

        T? Read<T>(string field, Func<T> read)
            where T : class
        {
            try
            {
                return read();
            }
            catch (Exception exception) when (exception is ModelException or InvalidDataException)
            {
                faults.Add(new FieldFault(field, exception.Message));
                return null;
            }
        }
    }

    /// <summary>Opens what a plan carries.</summary>
    /// <param name="references">With what the files must hash to.</param>
    /// <exception cref="ModelException">A file is missing here, damaged, or another one.</exception>
    public AdapterSet Open(AdapterReferences references)
    {
        string key = Key(references);
        lock (_lock)
        {
            if (_kept.FirstOrDefault(kept => kept.Key == key).Set is { } known)
            {
                return known;
            }
        }
        var faults = new List<FieldFault>();
        if (Open(references, faults) is not { } opened)
        {
            throw new ModelException(string.Join("; ", faults.Select(fault => fault.Message)));
        }
        foreach ((string name, string? asked, string? found) in
            references.Loras.Zip(opened.References.Loras, (asked, found) => (asked.File, asked.Sha256, found.Sha256))
                .Concat(references.TextualInversions.Zip(opened.References.TextualInversions, (asked, found) => (asked.File, asked.Sha256, found.Sha256))))
        {
            if (asked is not null && asked != found)
            {
                throw new ModelException($"{name} is another file here ({found![..12]}) than the one that was asked for ({asked[..Math.Min(12, asked.Length)]})");
            }
        }
        return opened.Set;
    }

    private static string Key(AdapterReferences references) => JsonSerializer.Serialize(references);

    private void Keep(AdapterReferences references, AdapterSet set)
    {
        string key = Key(references);
        lock (_lock)
        {
            _kept.RemoveAll(kept => kept.Key == key);
            _kept.Add((key, set));
            if (_kept.Count > KeptSets)
            {
                _kept.RemoveAt(0);
            }
        }
    }

    /// <summary>A file by name, with or without its ending.</summary>
    /// <exception cref="ModelException">There is none, or the name leads out of the folders.</exception>
    private string Find(string name)
    {
        if (_takesPaths && File.Exists(name))
        {
            return name;
        }
        foreach (string folder in Folders)
        {
            string path = Path.GetFullPath(Path.Combine(folder, name));
            if (!path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            {
                throw new ModelException($"\"{name}\" leads out of the folders of adapters; allowed: a name within them");
            }
            if (File.Exists(path) || File.Exists(path += Ending))
            {
                return path;
            }
        }
        string where = Folders.Count == 0 ? $"no folder of adapters is given (--adapters, {Variable})" : "known: " + Names();
        throw new ModelException($"there is no file \"{name}\"; {where}");
    }

    private string Names()
    {
        const int Most = 20;
        string[] names = [.. Folders.Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, "*" + Ending, SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file))).Order(StringComparer.Ordinal).Take(Most + 1)];
        return names.Length == 0 ? "none in " + string.Join(", ", Folders) : string.Join(", ", names.Take(Most)) + (names.Length > Most ? ", ..." : "");
    }
}
