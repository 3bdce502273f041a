using System.Collections.Concurrent;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Imaging.Preparation;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests.References;
using Brownian.Tokenizers;

namespace Brownian.Inference.Engines;

/// <summary>
/// The engines of some models in this process. A graph is loaded when it is first wanted, and stays until memory is short: then those go
/// that no lease holds, the least recently used first.
/// </summary>
public sealed class LocalEngines : IEngines, IDisposable
{
    private readonly Lock _lock = new();
    /// <summary>The number of adapter sets whose graphs stay loaded without a lease.</summary>
    private const int MaxAdapted = 4;

    private readonly Dictionary<(string Model, string Part, string Adapters), Entry> _entries = [];
    private readonly ConcurrentDictionary<(string Model, string Part), GraphWeights> _weights = new();
    private readonly Dictionary<string, ModelFolder> _folders;
    private readonly Dictionary<string, Task<string>> _fingerprints = new(StringComparer.Ordinal);
    private readonly Lazy<Dictionary<string, string>> _sharedEncoders;
    private readonly SessionSettings _settings;
    private readonly CancellationTokenSource _stopping = new();
    private Task _disposals = Task.CompletedTask;
    private bool _isDisposed;
    private readonly long _memoryLimit;
    private long _clock;

    /// <param name="folders">The models, each of a name of its own.</param>
    /// <param name="settings">How sessions are made.</param>
    /// <param name="memoryLimit">Bytes of graph files to keep loaded; null for four fifths of what the process may use.</param>
    /// <param name="adapters">Where LoRAs, textual inversions and ControlNets are; null for none.</param>
    /// <param name="cascades">Which of the models follow each other; null for none.</param>
    /// <exception cref="ModelException">Two folders have one name, or a folder holds no model of a known family.</exception>
    public LocalEngines(
        IEnumerable<ModelFolder> folders, SessionSettings settings, long? memoryLimit = null, AdapterCatalog? adapters = null,
        IReadOnlyList<Cascade>? cascades = null)
    {
        Cascades = cascades ?? [];
        _folders = new Dictionary<string, ModelFolder>(StringComparer.Ordinal);
        foreach (ModelFolder folder in folders)
        {
            ModelFamilies.Require(folder);
            if (!_folders.TryAdd(folder.Name, folder))
            {
                throw new ModelException(
                    $"Two model folders have the name {folder.Name}: {_folders[folder.Name].FolderPath} and {folder.FolderPath}");
            }
        }
        // A failure is the caller's alone: the next one may find the files as they should be.
        _sharedEncoders = new Lazy<Dictionary<string, string>>(FindSharedEncoders, LazyThreadSafetyMode.PublicationOnly);
        _settings = settings with { Stopping = _stopping.Token };
        Adapters = adapters ?? AdapterCatalog.None;
        _memoryLimit = memoryLimit ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 5 * 4;
    }

    /// <summary>The models' names.</summary>
    public IReadOnlyList<string> Models => [.. _folders.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Which of the models follow each other under a name of their own.</summary>
    public IReadOnlyList<Cascade> Cascades { get; }

    /// <summary>Where LoRAs, textual inversions and ControlNets are found.</summary>
    public AdapterCatalog Adapters { get; }

    /// <summary>What runs the graphs.</summary>
    public SessionSettings Settings => _settings;

    /// <summary>A model's fingerprint; computed once, and again after a failure.</summary>
    /// <exception cref="ModelException">There is no such model here, or its files cannot be read.</exception>
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

    /// <summary>
    /// A model's card. Loads its denoiser; what the configurations leave out is measured on the other graphs, which are dropped again when
    /// memory is short.
    /// </summary>
    /// <exception cref="ModelException">The model is damaged.</exception>
    public async Task<ModelCard> DescribeAsync(string model, CancellationToken cancellationToken)
    {
        ModelFolder folder = Folder(model);
        ModelFacts facts = ModelFamilies.Read(folder);
        if (facts.Family == ImageUpscaler.FamilyKey)
        {
            using EngineLease<LocalImageUpscaler> upscaler =
                await UseAsync(model, ImageUpscaler.Part, LoadImageUpscaler, cancellationToken).ConfigureAwait(false);
            facts = facts with { Scale = upscaler.Engine.Scale };
        }
        if (facts.Family != StableDiffusion.FamilyKey)
        {
            return ModelFamilies.CardOf(folder, facts, await FingerprintAsync(model).ConfigureAwait(false));
        }
        if (facts.IsDecoderOnly)
        {
            using EngineLease<LocalVaeDecoder> alone = await UseAsync(model, "vae_decoder", LoadVaeDecoder, cancellationToken).ConfigureAwait(false);
            return ModelFamilies.CardOf(folder, facts, await FingerprintAsync(model).ConfigureAwait(false));
        }
        using EngineLease<LocalDenoiser> denoiser = await UseAsync(model, "unet", LoadDenoiser, cancellationToken).ConfigureAwait(false);
        if (facts.CompleteFrom(denoiser.Engine) is { } complete)
        {
            facts = complete;
        }
        else
        {
            using EngineLease<ILocalTextEncoder> encoder =
                await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false);
            using EngineLease<LocalVaeDecoder> decoder =
                await UseAsync(model, "vae_decoder", LoadVaeDecoder, cancellationToken).ConfigureAwait(false);
            int width = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape[2];
            facts = facts.Complete(denoiser.Engine, decoder.Engine, encoder.Engine.Window, width);
        }
        return ModelFamilies.CardOf(folder, facts, await FingerprintAsync(model).ConfigureAwait(false));
    }

    /// <summary>Loads a model's text encoders and denoiser, and refuses those of two models.</summary>
    /// <exception cref="ModelException">They do not fit each other, or are damaged.</exception>
    public async Task RequireFitAsync(string model, CancellationToken cancellationToken)
    {
        ModelFolder folder = Folder(model);
        ModelFacts facts = ModelFamilies.Read(folder);
        if (facts.Denoisers.Count == 0)
        {
            return;
        }
        using EngineLease<ILocalTextEncoder> encoder =
            await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false);
        int width = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape[2];
        foreach (string part in facts.Denoisers)
        {
            using EngineLease<LocalDenoiser> denoiser =
                await UseAsync(model, part, from => LoadDenoiser(from, part, null), cancellationToken).ConfigureAwait(false);
            if (denoiser.Engine.Model.Embedding?.Fixed(2) is { } expected && expected != width)
            {
                throw new ModelException(
                    $"{denoiser.Engine.Graph.File} takes embeddings of width {expected}, the text encoder "
                        + $"gives {width}: the folder mixes two models");
            }
        }
        if (folder.Graphs.ContainsKey("vae_decoder"))
        {
            (await UseAsync(model, "vae_decoder", LoadVaeDecoder, cancellationToken).ConfigureAwait(false)).Dispose();
        }
    }

    /// <summary>Runs a model's graph of a stage kind once, on as little as it takes.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="kind">One of <see cref="StageKind"/>.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <exception cref="ModelException">The model is damaged, or its graph failed.</exception>
    public async Task WarmUpAsync(string model, string kind, CancellationToken cancellationToken)
    {
        ModelFacts facts = ModelFamilies.Read(Folder(model));
        switch (kind)
        {
            case StageKind.TextEncode or StageKind.Denoise when facts.Denoisers.Count == 0:
                break;
            case StageKind.Denoise when facts.Family != StableDiffusion.FamilyKey:
                // What its graphs are given follows from a request; that they load is what can be said before one.
                foreach (string part in facts.Denoisers)
                {
                    (await UseAsync(model, part, from => LoadDenoiser(from, part, null), cancellationToken).ConfigureAwait(false)).Dispose();
                }
                break;
            case StageKind.VaeDecode when facts.Family == ImageUpscaler.FamilyKey:
                (await UseAsync(model, ImageUpscaler.Part, LoadImageUpscaler, cancellationToken).ConfigureAwait(false)).Dispose();
                break;
            case StageKind.VaeDecode when !Folder(model).Graphs.ContainsKey("vae_decoder"):
                break;
            case StageKind.TextEncode:
                using (
                    EngineLease<ILocalTextEncoder> encoder =
                        await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false))
                {
                    await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false);
                }
                break;
            case StageKind.Denoise:
                ModelCard card = await DescribeAsync(model, cancellationToken).ConfigureAwait(false);
                using (EngineLease<LocalDenoiser> denoiser = await UseAsync(model, "unet", LoadDenoiser, cancellationToken).ConfigureAwait(false))
                {
                    (int tokens, int width) = await EmbeddingSizeAsync(model, denoiser.Engine, cancellationToken).ConfigureAwait(false);
                    LatentSize size =
                        card.Facts.FixedLatentSize ?? new LatentSize(2 * card.Facts.LatentMultiple!.Value, 2 * card.Facts.LatentMultiple.Value);
                    await denoiser.Engine.RunAsync(
                        run => denoiser.Engine.Model.Runs(card.Facts.InputChannels!.Value, size.Height, size.Width, tokens, width)
                            ? true
                            : throw new ModelException($"{denoiser.Engine.Graph.File} failed on a run of {size.Width}x{size.Height} latents"),
                        cancellationToken).ConfigureAwait(false);
                }
                break;
            case StageKind.VaeDecode:
                using (
                    EngineLease<LocalVaeDecoder> decoder =
                        await UseAsync(model, "vae_decoder", LoadVaeDecoder, cancellationToken).ConfigureAwait(false))
                {
                    decoder.Engine.ProbeScale(decoder.Engine.Channels ?? facts.Channels ?? 4);
                }
                break;
            default:
                // Encoders of pictures are loaded when a job has a picture; files are written without a graph.
                break;
        }
    }

    /// <summary>What a request's adapters come to for a model, or faults of its fields. Loads no graph.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="adapters">Names and weights.</param>
    /// <param name="faults">Where faults go.</param>
    /// <returns>With what the files hash to; null where one cannot be read.</returns>
    /// <exception cref="ModelException">There is no such model here, or its graphs are damaged.</exception>
    public AdapterReferences? CheckAdapters(string model, AdapterReferences adapters, List<FieldFault> faults)
    {
        if (Adapters.Open(adapters, faults) is not { } opened)
        {
            return null;
        }
        if (TakesAdapters(Folder(model)))
        {
            opened.Set.Check(Signatures(Folder(model)), faults);
        }
        return opened.References;
    }

    /// <summary>What adapters for a model are compared with; reads the structure of its graphs.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Null for a model of a family without adapters.</returns>
    /// <exception cref="ModelException">There is no such model here, or its graphs are damaged.</exception>
    public async Task<ModelSignature?> SignatureAsync(string model, CancellationToken cancellationToken)
    {
        ModelFolder folder = Folder(model);
        if (!TakesAdapters(folder))
        {
            return null;
        }
        string fingerprint = await FingerprintAsync(model).ConfigureAwait(false);
        Dictionary<string, GraphSignature> parts = await Task.Run(() => Signatures(folder), cancellationToken).ConfigureAwait(false);
        // Messages travel: paths of this machine stay here.
        return new ModelSignature(model, fingerprint, parts.ToDictionary(part => part.Key, part => part.Value.Named($"{part.Key} of {model}")));
    }

    /// <inheritdoc/>
    public async Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        string model, string? fingerprint, AdapterReferences? adapters, CancellationToken cancellationToken)
    {
        await RequireAsync(model, fingerprint).ConfigureAwait(false);
        if (adapters is null)
        {
            return As<ITextEncoder,
            ILocalTextEncoder>(await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false));
        }
        AdapterSet set = await OpenAsync(model, adapters, cancellationToken).ConfigureAwait(false);
        // Tokens are the tokenizer's, whatever graph they belong to.
        string key = set.Inversions.Count > 0 ? set.Key : string.Concat(set.KeyOf("text_encoder"), set.KeyOf("text_encoder_2"));
        return As<ITextEncoder, ILocalTextEncoder>(
            await UseAsync(model, "text_encoder", folder => LoadTextEncoder(folder, set, key), cancellationToken, key).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async Task<EngineLease<IDenoiser>> DenoiserAsync(
        string model, string? fingerprint, string? part, AdapterReferences? adapters, IReadOnlyCollection<ControlNetReference> controlNets,
        CancellationToken cancellationToken)
    {
        await RequireAsync(model, fingerprint).ConfigureAwait(false);
        string graph = part ?? (ModelFamilies.Read(Folder(model)).Denoisers is [var first, ..] ? first : null)
            ?? throw new ModelException($"The model \"{model}\" has no denoiser");
        AdapterSet? set = adapters is null ? null : await OpenAsync(model, adapters, cancellationToken).ConfigureAwait(false);
        EngineLease<LocalDenoiser> denoiser = await UseAsync(
            model, graph, folder => LoadDenoiser(folder, graph, set), cancellationToken, set?.KeyOf(graph) ?? "").ConfigureAwait(false);
        if (controlNets.Count == 0)
        {
            return As<IDenoiser, LocalDenoiser>(denoiser);
        }
        var leases = new List<IDisposable> { denoiser };
        try
        {
            var nets = new Dictionary<ControlNetReference, ControlNet>();
            foreach (ControlNetReference reference in controlNets.Distinct())
            {
                EngineLease<ControlNet> net = await UseControlNetAsync(model, reference, cancellationToken).ConfigureAwait(false);
                leases.Add(net);
                nets.Add(reference, net.Engine);
            }
            return new EngineLease<IDenoiser>(new ControlledDenoiser(denoiser.Engine, nets), Release);
        }
        catch
        {
            Release();
            throw;
        }

        void Release() => leases.ForEach(lease => lease.Dispose());
    }

    /// <inheritdoc/>
    public async Task<EngineLease<IImageEncoder>> ImageEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<IImageEncoder,
        LocalImageEncoder>(await UseCheckedAsync(model, fingerprint, "image_encoder", LoadImageEncoder, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<EngineLease<ITextProjection>> TextProjectionAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<ITextProjection,
        LocalTextProjection>(await UseCheckedAsync(model, fingerprint, "text_proj", LoadTextProjection, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<IVaeDecoder,
        LocalVaeDecoder>(await UseCheckedAsync(model, fingerprint, "vae_decoder", LoadVaeDecoder, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<EngineLease<IVaeDecoder>> PreviewDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        Folder(model).Graphs.ContainsKey("preview_decoder")
            ? As<IVaeDecoder,
            LocalVaeDecoder>(
                await UseCheckedAsync(model, fingerprint, "preview_decoder", LoadPreviewDecoder, cancellationToken).ConfigureAwait(false))
            : await VaeDecoderAsync(model, fingerprint, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<IVaeEncoder,
        LocalVaeEncoder>(await UseCheckedAsync(model, fingerprint, "vae_encoder", LoadVaeEncoder, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<EngineLease<IImageUpscaler>> ImageUpscalerAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
        As<IImageUpscaler,
        LocalImageUpscaler>(
            await UseCheckedAsync(model, fingerprint, ImageUpscaler.Part, LoadImageUpscaler, cancellationToken).ConfigureAwait(false));

    /// <summary>The graphs that are loaded now, as model and part; without a model for ControlNets of the folders of adapters.</summary>
    public IReadOnlyList<(string Model, string Part)> Loaded
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries.Keys.Select(key => (key.Model, key.Part))];
            }
        }
    }

    /// <summary>Drops every graph that no lease holds. They are unloaded when this returns.</summary>
    public void Unload()
    {
        Entry[] idle;
        lock (_lock)
        {
            idle = [.. _entries.Values.Where(entry => entry.Leases == 0)];
            foreach ((string, string, string) key in _entries.Where(entry => entry.Value.Leases == 0).Select(entry => entry.Key).ToArray())
            {
                _entries.Remove(key);
            }
        }
        foreach (Entry entry in idle)
        {
            Follow(entry.DisposeWhenLoaded(TaskContinuationOptions.ExecuteSynchronously));
        }
    }

    /// <summary>Whether no graph is being loaded or disposed for what was dropped so far.</summary>
    internal bool IsSettled
    {
        get
        {
            lock (_lock)
            {
                return _disposals.IsCompleted;
            }
        }
    }

    /// <summary>
    /// Stops loads that are under way, and drops every graph. When this returns no thread is inside the library: a process that ended while one
    /// is would crash.
    /// </summary>
    public void Dispose()
    {
        Entry[] entries;
        lock (_lock)
        {
            entries = [.. _entries.Values];
            _entries.Clear();
            if (_isDisposed)
            {
                return;
            }
            _isDisposed = true;
        }
        _stopping.Cancel();
        foreach (Entry entry in entries)
        {
            Follow(entry.DisposeWhenLoaded());
        }
        Task disposals;
        lock (_lock)
        {
            disposals = _disposals;
        }
        // Loads that failed or were stopped are of no interest any more.
        disposals.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        _stopping.Dispose();
    }

    /// <summary>Keeps what <see cref="Dispose"/> waits for.</summary>
    private void Follow(Task disposal)
    {
        lock (_lock)
        {
            _disposals = _disposals.IsCompleted ? disposal : Task.WhenAll(_disposals, disposal);
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
        if ((denoiser.Model.Embedding?.Fixed(2) ?? Folder(model).Require("unet").Integer("cross_attention_dim")) is { } width)
        {
            return (denoiser.Model.Embedding?.Fixed(1) ?? 77, width);
        }
        using EngineLease<ILocalTextEncoder> encoder =
            await UseAsync(model, "text_encoder", LoadTextEncoder, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<int> shape = (await encoder.Engine.EncodeAsync("", cancellationToken).ConfigureAwait(false)).Features.Embedding.Shape;
        return (shape[1], shape[2]);
    }

    /// <summary>A set that is known to fit a model. Reads files, so not on the caller's thread.</summary>
    private Task<AdapterSet> OpenAsync(string model, AdapterReferences adapters, CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            AdapterSet set = Adapters.Open(adapters);
            set.Check(Signatures(Folder(model)));
            return set;
        },
        cancellationToken);

    /// <summary>Which initializer is which module's, of every graph that adapters change.</summary>
    private Dictionary<string, GraphWeights> Weights(ModelFolder model) => model.Graphs
        .Where(graph => graph.Key is "unet" or "text_encoder" or "text_encoder_2")
        .ToDictionary(graph => graph.Key, graph => _weights.GetOrAdd((model.Name, graph.Key), _ => GraphWeights.Read(graph.Value.File)));

    private static bool TakesAdapters(ModelFolder model) => ModelFamilies.Read(model) is { Family: StableDiffusion.FamilyKey, IsDecoderOnly: false };

    private Dictionary<string, GraphSignature> Signatures(ModelFolder model) =>
        Weights(model).ToDictionary(part => part.Key, part => part.Value.Outline);

    private OnnxGraph LoadGraph(ModelFolder model, string part, AdapterSet? set)
    {
        if (set?.KeyOf(part) is null)
        {
            return OnnxGraph.Load(model.Require(part).File, _settings);
        }
        using PatchedGraph patched = set.Patch(part, Weights(model)[part]);
        return OnnxGraph.Load(patched, _settings);
    }

    private ILocalTextEncoder LoadTextEncoder(ModelFolder model) => LoadTextEncoder(model, null, "");

    private ILocalTextEncoder LoadTextEncoder(ModelFolder model, AdapterSet? set, string key)
    {
        ModelFacts facts = ModelFamilies.Read(model);
        if (facts.Text is { } text)
        {
            return LoadJointTextEncoder(model, facts, text);
        }
        var encoders = new List<(ClipTokenizer, OnnxGraph)>();
        try
        {
            foreach ((string part, string? tokenizer) in new[] { ("text_encoder", model.Tokenizer), ("text_encoder_2", model.SecondTokenizer) })
            {
                if (model.Graphs.ContainsKey(part))
                {
                    ClipTokenizer words = ClipTokenizer.Load(tokenizer!);
                    encoders.Add(
                        (
                            set is { Tokens.Count: > 0 }
                                ? words.WithTokens(set.Tokens, Weights(model)[part].TokenEmbeddings?.Rows)
                                : words, LoadGraph(model, part, set)));
                }
            }
            return new LocalTextEncoder(encoders, facts.IsXl, key, isMasked: facts.Family == Unclip.FamilyKey);
        }
        catch
        {
            encoders.ForEach(encoder => encoder.Item2.Dispose());
            throw;
        }
    }

    private JointTextEncoder LoadJointTextEncoder(ModelFolder model, ModelFacts facts, TextFacts text)
    {
        var graphs = new List<OnnxGraph>();
        try
        {
            (ClipTokenizer, OnnxGraph)[] clips =
                [.. text.Clips.Select(part => (ClipTokenizer.Load(model.RequireFolder(TokenizerOf(part))), Load(part)))];
            (T5Tokenizer, OnnxGraph)? t5 = text.T5 is { } last ? (T5Tokenizer.Load(model.RequireFolder(TokenizerOf(last))), Load(last)) : null;
            return new JointTextEncoder(clips, t5, text.Join, facts.EmbeddingWidth ?? 0, text.Window);
        }
        catch
        {
            graphs.ForEach(graph => graph.Dispose());
            throw;
        }

        static string TokenizerOf(string part) => part.Replace("text_encoder", "tokenizer", StringComparison.Ordinal);

        OnnxGraph Load(string part)
        {
            graphs.Add(OnnxGraph.Load(model.Require(part).File, _settings));
            return graphs[^1];
        }
    }

    private LocalDenoiser LoadDenoiser(ModelFolder model) => LoadDenoiser(model, "unet", null);

    private LocalDenoiser LoadDenoiser(ModelFolder model, string part, AdapterSet? set) => new(
        LoadGraph(model, part, set), model.Graphs.GetValueOrDefault(part + ModelFolder.PerturbedSuffix));

    private LocalImageEncoder LoadImageEncoder(ModelFolder model) =>
        new(OnnxGraph.Load(model.Require("image_encoder").File, _settings), ClipPreparation.Read(model.FolderPath));

    private LocalTextProjection LoadTextProjection(ModelFolder model) => new(
        OnnxGraph.Load(model.Require("text_proj").File, _settings),
        model.RequireNumbers("text_proj", "learned_classifier_free_guidance_embeddings.npy"),
        model.Graphs.ContainsKey("prior") ? (model.RequireNumbers("prior", "clip_mean.npy"), model.RequireNumbers("prior", "clip_std.npy")) : null);

    private LocalVaeDecoder LoadVaeDecoder(ModelFolder model)
    {
        ModelFacts facts = ModelFamilies.Read(model);
        return new(OnnxGraph.Load(model.Require("vae_decoder").File, _settings), facts.Scaling, facts.Tiling());
    }

    private LocalVaeDecoder LoadPreviewDecoder(ModelFolder model)
    {
        GraphFile graph = model.Require("preview_decoder");
        ModelFacts facts = ModelFacts.ReadDecoder(graph);
        return new(OnnxGraph.Load(graph.File, _settings), facts.Scaling, facts.Tiling());
    }

    private LocalImageUpscaler LoadImageUpscaler(ModelFolder model)
    {
        GraphFile file = model.Require(ImageUpscaler.Part);
        OnnxGraph graph = OnnxGraph.Load(file.File, _settings);
        try
        {
            return new LocalImageUpscaler(graph, ImageUpscalerConfig.Read(file));
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    private LocalVaeEncoder LoadVaeEncoder(ModelFolder model) =>
        new(OnnxGraph.Load(model.Require("vae_encoder").File, _settings), ModelFamilies.Read(model).Tiling());

    private async Task<EngineLease<T>> UseCheckedAsync<T>(
        string model, string? fingerprint, string part, Func<ModelFolder, T> load, CancellationToken cancellationToken)
        where T : class, IDisposable
    {
        await RequireAsync(model, fingerprint).ConfigureAwait(false);
        return await UseAsync(model, part, load, cancellationToken).ConfigureAwait(false);
    }

    private async Task RequireAsync(string model, string? fingerprint)
    {
        string own = await FingerprintAsync(model).ConfigureAwait(false);
        if (!string.IsNullOrEmpty(fingerprint) && fingerprint != own)
        {
            throw new ModelException(
                $"The model \"{model}\" has other files here ({own[..12]}) than the ones that were asked for "
                    + $"({fingerprint[..Math.Min(12, fingerprint.Length)]})");
        }
    }

    /// <param name="model">The model's name.</param>
    /// <param name="part">The graph.</param>
    /// <param name="load">Makes the engine.</param>
    /// <param name="cancellationToken">Stops waiting; the graph is loaded all the same, for the next one.</param>
    /// <param name="adapters">What tells the graph from the model's own; empty for that.</param>
    private async Task<EngineLease<T>> UseAsync<T>(
        string model, string part, Func<ModelFolder, T> load, CancellationToken cancellationToken, string adapters = "")
        where T : class, IDisposable
    {
        ModelFolder folder = Folder(part == "text_encoder" ? _sharedEncoders.Value.GetValueOrDefault(model, model) : model);
        (string, string, string) key = (folder.Name, part, adapters);
        while (true)
        {
            Entry entry = Lease(key, () => Size(folder, part), () => load(folder), out bool isNew);
            try
            {
                var engine = (T)await entry.Engine.Value.WaitAsync(cancellationToken).ConfigureAwait(false);
                return new EngineLease<T>(engine, () => Release(key, entry));
            }
            catch (Exception) when (!isNew && entry.IsFailed && !cancellationToken.IsCancellationRequested)
            {
                // Another caller's load, begun on files as they were then: this one loads for itself.
                Release(key, entry);
            }
            catch
            {
                Release(key, entry);
                throw;
            }
        }
    }

    /// <summary>
    /// Models whose text encoder is another one's file, by a link: the stages of Imagen's cascade have one T5, of gigabytes. It is loaded once.
    /// </summary>
    private Dictionary<string, string> FindSharedEncoders()
    {
        var first = new Dictionary<string, string>(StringComparer.Ordinal);
        var shared = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string model in Models)
        {
            if (EncoderIdentity(_folders[model]) is { } identity && !first.TryAdd(identity, model))
            {
                shared.Add(model, first[identity]);
            }
        }
        return shared;
    }

    /// <summary>What tells T5 and its tokenizer from others; null in models with other encoders, which are small.</summary>
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

    /// <summary>
    /// A ControlNet, which stays loaded once it is: its graph is loaded when a run first hears it. One of the folders of adapters is shared by
    /// all models.
    /// </summary>
    private async Task<EngineLease<ControlNet>> UseControlNetAsync(string model, ControlNetReference reference, CancellationToken cancellationToken)
    {
        GraphFile file = reference.Fingerprint is null
            ? Folder(model).ControlNets.FirstOrDefault(net => net.Part == reference.Name)
                ?? throw new ModelException($"The model \"{model}\" has no ControlNet {reference.Name}")
            : (await Task.Run(() => Adapters.Open(reference), cancellationToken).ConfigureAwait(false)).GraphOf(Folder(model).Precision);
        (string, string, string) key = reference.Fingerprint is null
            ? (model, reference.Name, "")
            : ("", $"{Path.GetFileName(file.File)}@{reference.Fingerprint}", "");
        Entry entry = Lease(key, () => Size(file), () => new ControlNetGraph(OnnxGraph.Load(file.File, _settings)), out _);
        return new EngineLease<ControlNet>(
            new ControlNet(file, () => (ControlNetGraph)entry.Engine.Value.GetAwaiter().GetResult()), () => Release(key, entry));
    }

    /// <summary>What is loaded, or will be when it is asked for; makes room for it. What failed to load is loaded anew.</summary>
    private Entry Lease((string, string, string Adapters) key, Func<long> size, Func<IDisposable> load, out bool isNew)
    {
        Entry? entry;
        var evicted = new List<Entry>();
        lock (_lock)
        {
            isNew = !_entries.TryGetValue(key, out entry) || entry.IsFailed;
            if (isNew)
            {
                _entries.Remove(key);
                long bytes = size();
                Evict(bytes, key.Adapters.Length > 0, evicted);
                entry = new Entry(bytes, new Lazy<Task<IDisposable>>(() => Task.Run(load)));
                _entries.Add(key, entry);
            }
            entry!.Leases++;
            entry.Used = ++_clock;
        }
        foreach (Entry gone in evicted)
        {
            Follow(gone.DisposeWhenLoaded());
        }
        return entry;
    }

    private void Release((string, string, string) key, Entry entry)
    {
        lock (_lock)
        {
            entry.Leases--;
            entry.Used = ++_clock;
            // A graph that could not be loaded may be there next time.
            if (entry.IsFailed && _entries.GetValueOrDefault(key) == entry)
            {
                _entries.Remove(key);
            }
        }
    }

    /// <summary>Makes room: for the bytes, and among the adapted graphs for one more.</summary>
    private void Evict(long needed, bool isAdapted, List<Entry> evicted)
    {
        long loaded = _entries.Values.Sum(entry => entry.Bytes);
        int adapted = _entries.Keys.Count(key => key.Adapters.Length > 0) + (isAdapted ? 1 : 0);
        foreach (((string, string, string Adapters) key,
            Entry entry) in _entries.Where(pair => pair.Value.Leases == 0).OrderBy(pair => pair.Value.Used).ToArray())
        {
            bool isOverfull = key.Adapters.Length > 0 && adapted > MaxAdapted;
            if (loaded + needed <= _memoryLimit && !isOverfull)
            {
                continue;
            }
            _entries.Remove(key);
            evicted.Add(entry);
            loaded -= entry.Bytes;
            adapted -= key.Adapters.Length > 0 ? 1 : 0;
        }
    }

    /// <summary>What a graph's weights take: its file and the external data beside it.</summary>
    private static long Size(ModelFolder folder, string part) => folder.Graphs.Values
        .Where(
            graph =>
                graph.Part == part || (part == "text_encoder" && graph.Part.StartsWith("text_encoder_", StringComparison.Ordinal))
                    || graph.Part == part + ModelFolder.PerturbedSuffix)
        .Sum(Size);

    private static long Size(GraphFile graph) =>
        new DirectoryInfo(Path.GetDirectoryName(graph.File)!).EnumerateFiles().Where(file => file.Extension is not ".json").Sum(file => file.Length);

    private sealed class Entry(long bytes, Lazy<Task<IDisposable>> engine)
    {
        public long Bytes { get; } = bytes;

        public Lazy<Task<IDisposable>> Engine { get; } = engine;

        /// <summary>Whether it was tried to be loaded, without success.</summary>
        public bool IsFailed => Engine is { IsValueCreated: true, Value: { IsCompleted: true, IsCompletedSuccessfully: false } };

        public int Leases { get; set; }

        public long Used { get; set; }

        /// <param name="options">Where: on another thread, so that the caller does not wait for a run that is under way.</param>
        /// <returns>Ends when the graph is loaded and gone, or could not be loaded.</returns>
        public Task DisposeWhenLoaded(TaskContinuationOptions options = TaskContinuationOptions.None) => !Engine.IsValueCreated
            ? Task.CompletedTask
            : Engine.Value.ContinueWith(
                static loaded =>
                    loaded.GetAwaiter().GetResult().Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion | options,
                    TaskScheduler.Default);
    }
}
