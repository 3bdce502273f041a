using System.Collections.Concurrent;
using System.Text.Json;
using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Adapters;

/// <summary>
/// Finds LoRAs, textual inversions and ControlNets by name: in the folders given by the caller and in the folders of <c>BROWNIAN_ADAPTERS</c>. Caches
/// recently opened sets and the facts of ControlNets.
/// </summary>
public sealed class AdapterCatalog
{
    /// <summary>The environment variable that lists folders of adapters, separated by the separator of <c>PATH</c>.</summary>
    public const string Variable = "BROWNIAN_ADAPTERS";


    /// <summary>Folders without read permission are treated as empty.</summary>
    private static readonly EnumerationOptions Everywhere = new() { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = 0 };

    /// <summary>The number of cached sets. The files of each set are held in memory.</summary>
    private const int MaxCachedSets = 4;

    private readonly bool _takesPaths;
    private readonly ConcurrentDictionary<string, (string Stamp, Lazy<ControlNetFolder> ControlNet)> _controlNets = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly List<(string Key, AdapterSet Set)> _kept = [];

    /// <param name="folders">Folders that contain adapters. The first folder that contains the requested name is used.</param>
    /// <param name="takesPaths">Whether a name may also be any path, for requests that name files of this machine.</param>
    public AdapterCatalog(IEnumerable<string> folders, bool takesPaths)
    {
        Folders = [.. folders.Select(folder => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))).Distinct(StringComparer.Ordinal)];
        _takesPaths = takesPaths;
    }

    /// <summary>The catalog of a process without adapters.</summary>
    public static AdapterCatalog None { get; } = new([], takesPaths: false);

    /// <summary>The folders that are searched, in order.</summary>
    public IReadOnlyList<string> Folders { get; }

    /// <summary>Creates the catalog of a program.</summary>
    /// <param name="given">Folders that the caller names. They are searched first.</param>
    /// <param name="takesPaths">See the constructor.</param>
    public static AdapterCatalog Create(IReadOnlyList<string> given, bool takesPaths) =>
        new(
            [
                .. given,
                .. (Environment.GetEnvironmentVariable(Variable) ?? "")
                    .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            ],
            takesPaths);

    /// <summary>Returns whether a name resolves to a file.</summary>
    public bool Has(string name)
    {
        try
        {
            FindFile(name);
            return true;
        }
        catch (ModelException)
        {
            return false;
        }
    }

    /// <summary>Opens the adapters that a request names.</summary>
    /// <param name="references">The adapters' names and weights.</param>
    /// <param name="faults">Receives the faults of <c>loras[i]</c> and <c>textual_inversions[i]</c>.</param>
    /// <returns>The set, and the references with the hashes of their files; null when there are faults.</returns>
    public (AdapterSet Set, AdapterReferences References)? Open(AdapterReferences references, List<FieldFault> faults)
    {
        int before = faults.Count;
        string[] loraFiles = new string[references.Loras.Count], inversionFiles = new string[references.TextualInversions.Count];
        LoraFile?[] loras =
        [
            .. references.Loras.Select((lora, i) => Read($"loras[{i}]", () => LoraFile.Read(loraFiles[i] = FindFile(lora.File), lora.File))),
        ];
        TextualInversion?[] inversions =
        [
            .. references.TextualInversions.Select((inversion, i) =>
                Read(
                    $"textual_inversions[{i}]",
                    () => TextualInversion.Read(inversionFiles[i] = FindFile(inversion.File), inversion.Token, inversion.File))),
        ];
        if (faults.Count > before)
        {
            return null;
        }
        AdapterSet? set = Read(
            "textual_inversions", () =>
                new AdapterSet([.. references.Loras.Zip(loras, (reference, lora) => new LoraUse(lora!, reference.Weight))], inversions!));
        if (set is null)
        {
            return null;
        }
        var known = new AdapterReferences
        {
            Loras =
            [
                .. references.Loras.Select((reference, i) =>
                    reference with { Sha256 = loras[i]!.Sha256, FileName = Path.GetFileName(loraFiles[i]) }),
            ],
            TextualInversions =
            [
                .. references.TextualInversions.Select((reference, i) =>
                    reference with { Token = inversions[i]!.Token, Sha256 = inversions[i]!.Sha256, FileName = Path.GetFileName(inversionFiles[i]) }),
            ],
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

    /// <summary>Opens the adapters of a plan.</summary>
    /// <param name="references">The references with the expected hashes of their files.</param>
    /// <exception cref="ModelException">A file is missing on this machine, damaged, or has another hash.</exception>
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
        foreach ((string name, string? requested, string? found) in
            references.Loras.Zip(opened.References.Loras, (requested, found) => (requested.File, requested.Sha256, found.Sha256))
                .Concat(
                    references.TextualInversions.Zip(
                        opened.References.TextualInversions, (requested, found) => (requested.File, requested.Sha256, found.Sha256))))
        {
            if (requested is not null && requested != found)
            {
                throw new ModelException(
                    $"{name} is a different file here ({found![..12]}) from the requested file ({requested[..Math.Min(12, requested.Length)]})");
            }
        }
        return opened.Set;
    }

    /// <summary>Resolves the ControlNets of a request that are not the model's own.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The model that the ControlNets are used with.</param>
    /// <param name="faults">Receives the faults of <c>controlnets[i]</c>.</param>
    /// <returns>The request with the fingerprints of the ControlNets that are not the model's own.</returns>
    public GenerationRequest Open(GenerationRequest request, ModelCard model, List<FieldFault> faults)
    {
        if (request.ControlNets is not { } requested || !model.Facts.SupportsControlNets)
        {
            return request;
        }
        return request with { ControlNets = [.. requested.Select(Resolve)] };

        ControlNetReference Resolve(ControlNetReference reference, int index)
        {
            if (model.Facts.ControlNets.Contains(reference.Name))
            {
                return reference;
            }
            try
            {
                ControlNetFolder found = FindControlNet(reference.Name, model.Facts.ControlNets);
                found.Check(model);
                return reference with { Fingerprint = found.Fingerprint };
            }
            catch (ModelException exception)
            {
                faults.Add(new FieldFault($"controlnets[{index}]", exception.Message));
                return reference;
            }
        }
    }

    /// <summary>Opens a ControlNet of a plan. Reads every byte of it when it was not opened before.</summary>
    /// <param name="reference">The reference with the expected fingerprint.</param>
    /// <exception cref="ModelException">The ControlNet is missing on this machine, damaged, or has another fingerprint.</exception>
    public ControlNetFolder Open(ControlNetReference reference)
    {
        ControlNetFolder found = FindControlNet(reference.Name, []);
        return found.Fingerprint == reference.Fingerprint
            ? found
            : throw new ModelException(
                $"{reference.Name} has other files here ({found.Fingerprint[..12]}) than the requested model "
                    + $"({reference.Fingerprint?[..Math.Min(12, reference.Fingerprint.Length)]})");
    }

    /// <summary>Returns the names of the files of LoRAs and textual inversions in the folders, without their extension.</summary>
    public IEnumerable<string> FileNames() =>
        NamesOf(FilesEnding(AdapterNames.Ending)).Select(name => name[..^AdapterNames.Ending.Length]);

    private ControlNetFolder FindControlNet(string name, IReadOnlyList<string> own)
    {
        IEnumerable<string> names = NamesOf(FilesEnding(".onnx").Select(graph => (graph.Folder, Path.GetDirectoryName(graph.File)!)));
        string folder = Path.GetFullPath(Find(name, static path => Directory.Exists(path) ? path : null, "ControlNet", own.Concat(names)));
        try
        {
            // The fingerprint of gigabytes is cached, and is not computed by two requests at the same time.
            string stamp =
                string.Join('|', new DirectoryInfo(folder).EnumerateFiles("*", Everywhere).OrderBy(file => file.FullName, StringComparer.Ordinal)
                .Select(file => string.Create(CultureInfo.InvariantCulture, $"{file.Name}:{file.Length}:{file.LastWriteTimeUtc.Ticks}")));
            return _controlNets.AddOrUpdate(
                folder,
                _ => Reading(stamp),
                (_, known) => known.Stamp == stamp ? known : Reading(stamp)).ControlNet.Value;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{name} cannot be read: {exception.Message.Replace(folder, name, StringComparison.Ordinal)}", exception);
        }

        (string, Lazy<ControlNetFolder>) Reading(string stamp) => (stamp, new Lazy<ControlNetFolder>(() => ControlNetFolder.Read(name, folder)));
    }

    private static string Key(AdapterReferences references) => JsonSerializer.Serialize(references);

    private void Keep(AdapterReferences references, AdapterSet set)
    {
        string key = Key(references);
        lock (_lock)
        {
            _kept.RemoveAll(kept => kept.Key == key);
            _kept.Add((key, set));
            if (_kept.Count > MaxCachedSets)
            {
                _kept.RemoveAt(0);
            }
        }
    }

    /// <summary>Returns the path of a file by its name, with or without its extension.</summary>
    private string FindFile(string name) =>
        Find(
            name, path =>
                File.Exists(path) ? path
                    : File.Exists(path + AdapterNames.Ending) ? path + AdapterNames.Ending
                    : null, "file", NamesOf(FilesEnding(AdapterNames.Ending)));

    /// <summary>Resolves a name within the folders, or any path when paths are allowed.</summary>
    /// <param name="name">The name.</param>
    /// <param name="at">Returns the item at a path, or null.</param>
    /// <param name="what">The kind of item, for messages.</param>
    /// <param name="known">The names of existing items.</param>
    /// <exception cref="ModelException">There is no such item, or the name leads out of the folders.</exception>
    private string Find(string name, Func<string, string?> at, string what, IEnumerable<string> known)
    {
        if (name.Contains('\0', StringComparison.Ordinal))
        {
            throw new ModelException($"there is no {what} with a zero character in its name");
        }
        if (_takesPaths && at(name) is { } anywhere)
        {
            return anywhere;
        }
        foreach (string folder in Folders)
        {
            string path = Path.GetFullPath(Path.Combine(folder, name));
            if (!path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            {
                throw new ModelException($"\"{name}\" is outside the folders of adapters; allowed: a name within them");
            }
            if (at(path) is { } found)
            {
                return found;
            }
        }
        // A name without folders also matches a file deeper in the folders when it is the only one of that name.
        string[] all = [.. known];
        string[] within = name.IndexOfAny(['/', '\\']) < 0 ? [.. all.Where(other => AdapterNames.NameOf(other) == AdapterNames.NameOf(name))] : [];
        if (within is [var only] && Folders.Select(folder => at(Path.Combine(folder, only))).FirstOrDefault(path => path is not null) is { } deeper)
        {
            return deeper;
        }
        const int Max = 20;
        if (within.Length > 1)
        {
            throw new ModelException($"\"{name}\" is the name of several {what}s: {string.Join(", ", within.Take(Max))}");
        }
        string[] names = [.. all.Take(Max + 1)];
        string where = names.Length > 0 ? "known: " + string.Join(", ", names.Take(Max)) + (names.Length > Max ? ", ..." : "")
            // A gateway must not reveal the paths of its folders to clients.
            : Folders.Count > 0 ? _takesPaths ? "known: none in " + string.Join(", ", Folders) : "known: none"
            : _takesPaths ? $"no folder of adapters is given (--adapters, {Variable})"
            : $"this server has no folder of adapters (its setting Platform:AdapterFolders, or {Variable})";
        throw new ModelException($"there is no {what} \"{name}\"; {where}");
    }

    private IEnumerable<(string Folder, string File)> FilesEnding(string ending) => Folders.Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*" + ending, Everywhere).Select(file => (folder, file)));

    private static IEnumerable<string> NamesOf(IEnumerable<(string Folder, string Path)> paths) =>
        paths.Select(path => System.IO.Path.GetRelativePath(path.Folder, path.Path)).Distinct().Order(StringComparer.Ordinal);
}
