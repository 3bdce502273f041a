using System.Collections.Immutable;
using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;

namespace Brownian.Inference.Engines;

/// <summary>The folders and fingerprints of a process's models.</summary>
internal sealed class LocalModels
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Task<string>> _fingerprints = new(StringComparer.Ordinal);
    private readonly HashSet<string> _withdrawn = new(StringComparer.Ordinal);
    private ImmutableSortedDictionary<string, ModelFolder> _folders = ImmutableSortedDictionary.Create<string, ModelFolder>(StringComparer.Ordinal);
    private Lazy<Dictionary<string, string>> _sharedEncoders = new();

    /// <param name="folders">The models, each with a unique name.</param>
    /// <exception cref="ModelException">Two folders have one name, or a folder contains no model of a supported family.</exception>
    public LocalModels(IEnumerable<ModelFolder> folders)
    {
        foreach (ModelFolder folder in folders)
        {
            Add(folder);
        }
    }

    /// <summary>The models' folders in the order of their names, without those that were withdrawn.</summary>
    public IReadOnlyList<ModelFolder> Folders
    {
        get
        {
            lock (_lock)
            {
                return [.. _folders.Values.Where(folder => !_withdrawn.Contains(folder.Name))];
            }
        }
    }

    /// <summary>The names of <see cref="Folders"/>.</summary>
    public IReadOnlyList<string> Names => [.. Folders.Select(folder => folder.Name)];

    /// <summary>Adds a model; one of its name that was withdrawn is forgotten.</summary>
    /// <exception cref="ModelException">There is a model of its name, or the folder contains no model of a supported family.</exception>
    public void Add(ModelFolder folder)
    {
        ModelFamilies.Require(folder);
        lock (_lock)
        {
            if (_folders.TryGetValue(folder.Name, out ModelFolder? known) && !_withdrawn.Contains(folder.Name))
            {
                throw new ModelException($"Two model folders have the name {folder.Name}: {known.FolderPath} and {folder.FolderPath}");
            }
            _folders = _folders.SetItem(folder.Name, folder);
            _fingerprints.Remove(folder.Name);
            _withdrawn.Remove(folder.Name);
            // A failure is not cached: the files may be correct at the next call.
            _sharedEncoders = new Lazy<Dictionary<string, string>>(FindSharedEncoders, LazyThreadSafetyMode.PublicationOnly);
        }
    }

    /// <summary>Leaves a model out of <see cref="Folders"/>, until one of its name is added. Stages that began with it can still use it.</summary>
    public void Withdraw(string model)
    {
        lock (_lock)
        {
            _withdrawn.Add(model);
        }
    }

    /// <summary>Returns a model's folder.</summary>
    /// <exception cref="ModelException">This process has no such model.</exception>
    public ModelFolder Folder(string model) => _folders.TryGetValue(model, out ModelFolder? folder)
        ? folder
        : throw new ModelException($"The model \"{model}\" is not served here; served: {string.Join(", ", Names)}");

    /// <summary>
    /// Returns the folder whose graph of a part is loaded for a model. It is another model's folder when both share one text encoder through a link.
    /// </summary>
    public ModelFolder FolderOf(string model, string part) =>
        Folder(part == "text_encoder" ? _sharedEncoders.Value.GetValueOrDefault(model, model) : model);

    /// <summary>Returns a model's fingerprint. It is computed once, and again after a failure.</summary>
    /// <exception cref="ModelException">This process has no such model, or its files cannot be read.</exception>
    public Task<string> FingerprintAsync(string model)
    {
        ModelFolder folder = Folder(model);
        lock (_lock)
        {
            if (!_fingerprints.TryGetValue(folder.Name, out Task<string>? computed) || computed.IsFaulted)
            {
                _fingerprints[folder.Name] = computed = Task.Run(() => ModelFingerprint.Compute(folder));
            }
            return computed;
        }
    }

    /// <summary>Rejects a model whose files have another fingerprint than the expected one.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="fingerprint">The expected fingerprint; null or empty for any.</param>
    /// <exception cref="ModelException">The fingerprint differs, or the files cannot be read.</exception>
    public async Task RequireAsync(string model, string? fingerprint)
    {
        if (string.IsNullOrEmpty(fingerprint))
        {
            // Any files will do, so they are not read.
            _ = Folder(model);
            return;
        }
        string own = await FingerprintAsync(model).ConfigureAwait(false);
        if (fingerprint != own)
        {
            throw new ModelException(
                $"The model \"{model}\" has other files here ({own[..12]}) than the requested model "
                    + $"({fingerprint[..Math.Min(12, fingerprint.Length)]})");
        }
    }

    /// <summary>
    /// Finds models whose text encoder is a link to another model's file. The stages of Imagen's cascade share one T5 of several gigabytes, which is
    /// loaded once.
    /// </summary>
    private Dictionary<string, string> FindSharedEncoders()
    {
        var first = new Dictionary<string, string>(StringComparer.Ordinal);
        var shared = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (ModelFolder folder in Folders)
        {
            if (EncoderIdentity(folder) is { } identity && !first.TryAdd(identity, folder.Name))
            {
                shared.Add(folder.Name, first[identity]);
            }
        }
        return shared;
    }

    /// <summary>Returns an identity of T5 and its tokenizer; null for models with other encoders, which are small.</summary>
    private static string? EncoderIdentity(ModelFolder model)
    {
        ModelFacts facts = ModelFamilies.Read(model);
        if (facts.Text is not { Clips.Count: 0, T5: { } part } text || !model.Graphs.TryGetValue(part, out GraphFile? graph)
            || model.Tokenizer is not { } tokenizer)
        {
            return null;
        }
        string folder = Path.GetDirectoryName(graph.File)!;
        folder = Directory.ResolveLinkTarget(folder, returnFinalTarget: true)?.FullName ?? folder;
        string file = Path.Combine(folder, Path.GetFileName(graph.File));
        file = File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{file}|{text.Join}|{text.Window}|{text.MaxWindow}|{facts.EmbeddingWidth}|{ModelFingerprint.Compute(tokenizer, null)}");
    }
}
