using Brownian.Inference.Families;
using Brownian.Inference.Models;
using Brownian.Inference.Plans;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tokenizers;

namespace Brownian.Inference.Engines;

/// <summary>
/// The engines of some models in this process. A graph is loaded when it is first wanted, and stays until memory is short: then those go
/// that nobody works with, the least recently used first.
/// </summary>
public sealed class LocalEngines : IEngines, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Model, string Part), Entry> _entries = [];
    private readonly Dictionary<string, ModelFolder> _folders;
    private readonly Dictionary<string, Lazy<Task<string>>> _fingerprints;
    private readonly SessionSettings _settings;
    private readonly long _memoryLimit;
    private long _clock;

    /// <param name="folders">The models, each of a name of its own.</param>
    /// <param name="settings">How sessions are made.</param>
    /// <param name="memoryLimit">Bytes of graph files to keep loaded; null for four fifths of what the process may use.</param>
    /// <exception cref="ModelException">Two folders have one name, or a folder holds no model of a known family.</exception>
    public LocalEngines(IEnumerable<ModelFolder> folders, SessionSettings settings, long? memoryLimit = null)
    {
        _folders = new Dictionary<string, ModelFolder>(StringComparer.Ordinal);
        foreach (ModelFolder folder in folders)
        {
            StableDiffusion.RequireFamily(folder);
            if (!_folders.TryAdd(folder.Name, folder))
            {
                throw new ModelException($"Two model folders have the name {folder.Name}: {_folders[folder.Name].FolderPath} and {folder.FolderPath}");
            }
        }
        _fingerprints = _folders.ToDictionary(
            entry => entry.Key,
            entry => new Lazy<Task<string>>(() => Task.Run(() => ModelFingerprint.Compute(entry.Value))),
            StringComparer.Ordinal);
        _settings = settings;
        _memoryLimit = memoryLimit ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 5 * 4;
    }

    /// <summary>The models' names.</summary>
    public IReadOnlyList<string> Models => [.. _folders.Keys.Order(StringComparer.Ordinal)];

    /// <summary>What runs the graphs.</summary>
    public SessionSettings Settings => _settings;

    /// <summary>A model's fingerprint; computed once.</summary>
    /// <exception cref="ModelException">There is no such model here.</exception>
    public Task<string> FingerprintAsync(string model) => _fingerprints[Folder(model).Name].Value;

    /// <summary>
    /// A model's card. Loads its denoiser; what the configurations leave out is measured on the other graphs, which are dropped again when
    /// memory is short.
    /// </summary>
    /// <exception cref="ModelException">The model is damaged.</exception>
    public async Task<ModelCard> DescribeAsync(string model, CancellationToken cancellationToken)
    {
        ModelFolder folder = Folder(model);
        StableDiffusionFacts facts = StableDiffusionFacts.Read(folder);
        using EngineLease<LocalDenoiser> denoiser = await UseAsync(model, "unet", LoadDenoiser, cancellationToken).ConfigureAwait(false);
        if (facts.CompleteFrom(denoiser.Engine) is { } complete)
        {
            facts = complete;
        }
        else
        {
            using EngineLease<LocalTextEncoder> encoder = await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false);
            using EngineLease<LocalVaeDecoder> decoder = await UseAsync(model, "vae_decoder", LoadVaeDecoder, cancellationToken).ConfigureAwait(false);
            int width = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape[2];
            facts = facts.Complete(denoiser.Engine, decoder.Engine, encoder.Engine.Window, width);
        }
        return ModelCard.Of(folder, facts, await FingerprintAsync(model).ConfigureAwait(false));
    }

    /// <summary>Loads a model's text encoders and denoiser, and refuses those of two models.</summary>
    /// <exception cref="ModelException">They do not fit each other, or are damaged.</exception>
    public async Task RequireFitAsync(string model, CancellationToken cancellationToken)
    {
        using EngineLease<LocalDenoiser> denoiser = await UseAsync(model, "unet", LoadDenoiser, cancellationToken).ConfigureAwait(false);
        using EngineLease<LocalTextEncoder> encoder = await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false);
        int width = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape[2];
        if (denoiser.Engine.Unet.Embedding.Fixed(2) is { } expected && expected != width)
        {
            throw new ModelException($"{denoiser.Engine.Graph.File} takes embeddings of width {expected}, the text encoder gives {width}: the folder mixes two models");
        }
    }

    /// <summary>Runs a model's graph of a stage kind once, on as little as it takes.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="kind">One of <see cref="StageKind"/>.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <exception cref="ModelException">The model is damaged, or its graph failed.</exception>
    public async Task WarmUpAsync(string model, string kind, CancellationToken cancellationToken)
    {
        switch (kind)
        {
            case StageKind.TextEncode:
                using (EngineLease<LocalTextEncoder> encoder = await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false))
                {
                    await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false);
                }
                break;
            case StageKind.Denoise:
                ModelCard card = await DescribeAsync(model, cancellationToken).ConfigureAwait(false);
                using (EngineLease<LocalDenoiser> denoiser = await UseAsync(model, "unet", LoadDenoiser, cancellationToken).ConfigureAwait(false))
                {
                    (int tokens, int width) = await EmbeddingSizeAsync(model, denoiser.Engine, cancellationToken).ConfigureAwait(false);
                    LatentSize size = card.Facts.FixedLatentSize ?? new LatentSize(2 * card.Facts.LatentMultiple!.Value, 2 * card.Facts.LatentMultiple.Value);
                    await denoiser.Engine.RunAsync(
                        run => denoiser.Engine.Unet.Runs(card.Facts.InputChannels!.Value, size.Height, size.Width, tokens, width)
                            ? true
                            : throw new ModelException($"{denoiser.Engine.Graph.File} failed on a run of {size.Width}x{size.Height} latents"),
                        cancellationToken).ConfigureAwait(false);
                }
                break;
            case StageKind.VaeDecode:
                using (EngineLease<LocalVaeDecoder> decoder = await UseAsync(model, "vae_decoder", LoadVaeDecoder, cancellationToken).ConfigureAwait(false))
                {
                    decoder.Engine.ProbeScale(decoder.Engine.Channels ?? StableDiffusionFacts.Read(Folder(model)).Channels ?? 4);
                }
                break;
            default:
                // Encoders of pictures are loaded when a job has a picture; files are written without a graph.
                break;
        }
    }

    /// <inheritdoc/>
    public async Task<EngineLease<ITextEncoder>> TextEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<ITextEncoder, LocalTextEncoder>(await UseCheckedAsync(model, fingerprint, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<EngineLease<IDenoiser>> DenoiserAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<IDenoiser, LocalDenoiser>(await UseCheckedAsync(model, fingerprint, "unet", LoadDenoiser, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<IVaeDecoder, LocalVaeDecoder>(await UseCheckedAsync(model, fingerprint, "vae_decoder", LoadVaeDecoder, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<IVaeEncoder, LocalVaeEncoder>(await UseCheckedAsync(model, fingerprint, "vae_encoder", LoadVaeEncoder, cancellationToken).ConfigureAwait(false));

    /// <summary>The graphs that are loaded now, as model and part.</summary>
    public IReadOnlyList<(string Model, string Part)> Loaded
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries.Keys];
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Entry[] entries;
        lock (_lock)
        {
            entries = [.. _entries.Values];
            _entries.Clear();
        }
        foreach (Entry entry in entries)
        {
            entry.DisposeWhenLoaded();
        }
    }

    private static EngineLease<TInterface> As<TInterface, TEngine>(EngineLease<TEngine> lease)
        where TInterface : class
        where TEngine : class, TInterface => new(lease.Engine, lease.Dispose);

    private ModelFolder Folder(string model) => _folders.TryGetValue(model, out ModelFolder? folder)
        ? folder
        : throw new ModelException($"The model \"{model}\" is not served here; served: {string.Join(", ", Models)}");

    private async Task<(int Tokens, int Width)> EmbeddingSizeAsync(string model, LocalDenoiser denoiser, CancellationToken cancellationToken)
    {
        if ((denoiser.Unet.Embedding.Fixed(2) ?? Folder(model).Require("unet").Integer("cross_attention_dim")) is { } width)
        {
            return (denoiser.Unet.Embedding.Fixed(1) ?? 77, width);
        }
        using EngineLease<LocalTextEncoder> encoder = await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<int> shape = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape;
        return (shape[1], shape[2]);
    }

    private LocalTextEncoder LoadTextEncoder(ModelFolder model)
    {
        var encoders = new List<(ClipTokenizer, OnnxGraph)>();
        try
        {
            foreach ((string part, string? tokenizer) in new[] { ("text_encoder", model.Tokenizer), ("text_encoder_2", model.SecondTokenizer) })
            {
                if (model.Graphs.TryGetValue(part, out GraphFile? graph))
                {
                    encoders.Add((ClipTokenizer.Load(tokenizer!), OnnxGraph.Load(graph.File, _settings)));
                }
            }
            return new LocalTextEncoder(encoders, model.Graphs.ContainsKey("text_encoder_2"));
        }
        catch
        {
            encoders.ForEach(encoder => encoder.Item2.Dispose());
            throw;
        }
    }

    private LocalDenoiser LoadDenoiser(ModelFolder model) => new(OnnxGraph.Load(model.Require("unet").File, _settings), model.ControlNets);

    private LocalVaeDecoder LoadVaeDecoder(ModelFolder model)
    {
        StableDiffusionFacts facts = StableDiffusionFacts.Read(model);
        return new(OnnxGraph.Load(model.Require("vae_decoder").File, _settings), facts.Scaling, facts.Tiling());
    }

    private LocalVaeEncoder LoadVaeEncoder(ModelFolder model) =>
        new(OnnxGraph.Load(model.Require("vae_encoder").File, _settings), StableDiffusionFacts.Read(model).Tiling());

    private async Task<EngineLease<T>> UseCheckedAsync<T>(
        string model, string? fingerprint, string part, Func<ModelFolder, T> load, CancellationToken cancellationToken)
        where T : class, IDisposable
    {
        string own = await FingerprintAsync(model).ConfigureAwait(false);
        if (!string.IsNullOrEmpty(fingerprint) && fingerprint != own)
        {
            throw new ModelException($"The model \"{model}\" has other files here ({own[..12]}) than the ones that were asked for ({fingerprint[..Math.Min(12, fingerprint.Length)]})");
        }
        return await UseAsync(model, part, load, cancellationToken).ConfigureAwait(false);
    }

    private async Task<EngineLease<T>> UseAsync<T>(string model, string part, Func<ModelFolder, T> load, CancellationToken cancellationToken)
        where T : class, IDisposable
    {
        ModelFolder folder = Folder(model);
        Entry entry;
        var evicted = new List<Entry>();
        lock (_lock)
        {
            if (!_entries.TryGetValue((model, part), out Entry? known))
            {
                long bytes = Size(folder, part);
                Evict(bytes, evicted);
                known = new Entry(bytes, new Lazy<Task<IDisposable>>(() => Task.Run<IDisposable>(() => load(folder))));
                _entries.Add((model, part), known);
            }
            entry = known;
            entry.Leases++;
            entry.Used = ++_clock;
        }
        foreach (Entry gone in evicted)
        {
            gone.DisposeWhenLoaded();
        }
        try
        {
            var engine = (T)await entry.Engine.Value.WaitAsync(cancellationToken).ConfigureAwait(false);
            return new EngineLease<T>(engine, () => Release(entry));
        }
        catch
        {
            lock (_lock)
            {
                entry.Leases--;
                // A graph that could not be loaded may be there next time.
                if (entry.Engine.Value.IsFaulted && _entries.GetValueOrDefault((model, part)) == entry)
                {
                    _entries.Remove((model, part));
                }
            }
            throw;
        }
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            entry.Leases--;
            entry.Used = ++_clock;
        }
    }

    private void Evict(long needed, List<Entry> evicted)
    {
        long loaded = _entries.Values.Sum(entry => entry.Bytes);
        foreach (((string, string) key, Entry entry) in _entries.Where(pair => pair.Value.Leases == 0).OrderBy(pair => pair.Value.Used).ToArray())
        {
            if (loaded + needed <= _memoryLimit)
            {
                return;
            }
            _entries.Remove(key);
            evicted.Add(entry);
            loaded -= entry.Bytes;
        }
    }

    /// <summary>What a graph's weights take: its file and the external data beside it.</summary>
    private static long Size(ModelFolder folder, string part) => folder.Graphs.Values
        .Where(graph => graph.Part == part || (part == "text_encoder" && graph.Part == "text_encoder_2") || (part == "unet" && folder.ControlNets.Contains(graph)))
        .Sum(graph => new DirectoryInfo(Path.GetDirectoryName(graph.File)!).EnumerateFiles().Where(file => file.Extension is not ".json").Sum(file => file.Length));

    private sealed class Entry(long bytes, Lazy<Task<IDisposable>> engine)
    {
        public long Bytes { get; } = bytes;

        public Lazy<Task<IDisposable>> Engine { get; } = engine;

        public int Leases { get; set; }

        public long Used { get; set; }

        public void DisposeWhenLoaded()
        {
            if (Engine.IsValueCreated)
            {
                Engine.Value.ContinueWith(
                    static loaded => loaded.GetAwaiter().GetResult().Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            }
        }
    }
}
