using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>
/// The engines of models in this process. A graph is loaded on first use and stays loaded until memory is needed. Then graphs without a lease are
/// unloaded, the least recently used first.
/// </summary>
public sealed class LocalEngines : IEngines, IDisposable
{
    private readonly LocalModels _models;
    private readonly EngineCache _cache;
    private readonly AdapterGraphs _adapted;
    private readonly EngineSource _source;
    private readonly ModelInspection _inspection;

    /// <param name="folders">The models, each with a unique name.</param>
    /// <param name="settings">The session settings.</param>
    /// <param name="memoryLimit">
    /// The maximum size of loaded graphs, in bytes of their files; null for <see cref="DefaultMemoryLimit"/>.
    /// </param>
    /// <param name="adapters">The catalog of LoRAs, textual inversions and ControlNets; null for none.</param>
    /// <param name="cascades">The cascades of the models; null for none.</param>
    /// <exception cref="ModelException">Two folders have one name, or a folder contains no model of a supported family.</exception>
    public LocalEngines(
        IEnumerable<ModelFolder> folders, SessionSettings settings, long? memoryLimit = null, AdapterCatalog? adapters = null,
        IReadOnlyList<Cascade>? cascades = null)
    {
        Cascades = cascades ?? [];
        Adapters = adapters ?? AdapterCatalog.None;
        _models = new LocalModels(folders);
        MemoryLimit = memoryLimit ?? DefaultMemoryLimit;
        _cache = new EngineCache(MemoryLimit);
        Settings = settings with { Stopping = _cache.Stopping };
        _adapted = new AdapterGraphs(_models, Adapters);
        _source = new EngineSource(_models, _cache, new EngineLoader(Settings, _adapted), Adapters);
        _inspection = new ModelInspection(_models, _source);
    }

    /// <summary>The default limit in bytes: four fifths of the memory available to the process.</summary>
    public static long DefaultMemoryLimit => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 5 * 4;

    /// <summary>The models' names, at this time.</summary>
    public IReadOnlyList<string> Models => _models.Names;

    /// <summary>The cascades of the models, each with a name.</summary>
    public IReadOnlyList<Cascade> Cascades { get; }

    /// <summary>The catalog of LoRAs, textual inversions and ControlNets.</summary>
    public AdapterCatalog Adapters { get; }

    /// <summary>The session settings.</summary>
    public SessionSettings Settings { get; }

    /// <summary>The currently loaded graphs, as model and part. The model is empty for ControlNets of the adapters' folders.</summary>
    public IReadOnlyList<(string Model, string Part)> Loaded => [.. _cache.Loaded.Select(key => (key.Model, key.Part))];

    /// <summary>The size of the currently loaded graphs, in bytes of their files.</summary>
    public long LoadedBytes => _cache.Bytes;

    /// <summary>The limit on <see cref="LoadedBytes"/>. Graphs in use are never unloaded, so it can be exceeded.</summary>
    public long MemoryLimit { get; }

    /// <summary>Whether all loads and disposals of the graphs dropped so far have finished.</summary>
    internal bool IsSettled => _cache.IsSettled;

    /// <summary>The models' folders, at this time.</summary>
    public IReadOnlyList<ModelFolder> Folders => _models.Folders;

    /// <summary>Adds a model; one of its name that was withdrawn is forgotten.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <exception cref="ModelException">There is a model of its name, or the folder contains no model of a supported family.</exception>
    public void Add(ModelFolder folder)
    {
        _models.Add(folder);
        _adapted.Forget(folder.Name);
        _cache.Drop(folder.Name);
    }

    /// <summary>Removes a model from <see cref="Models"/>. Stages that began with it can still use it.</summary>
    public void Withdraw(string model) => _models.Withdraw(model);

    /// <summary>Returns a model's fingerprint. It is computed once, and again after a failure.</summary>
    /// <exception cref="ModelException">This process has no such model, or its files cannot be read.</exception>
    public Task<string> FingerprintAsync(string model) => _models.FingerprintAsync(model);

    /// <summary>
    /// Returns a model's card. Loads its denoiser. Facts that the configurations omit are measured on the other graphs, which may be unloaded again
    /// when memory is needed.
    /// </summary>
    /// <exception cref="ModelException">The model is damaged.</exception>
    public Task<ModelCard> DescribeAsync(string model, CancellationToken cancellationToken) => _inspection.DescribeAsync(model, cancellationToken);

    /// <summary>Returns a model's card as <see cref="DescribeAsync"/> does, but without its fingerprint, which is of every byte.</summary>
    /// <exception cref="ModelException">The model is damaged.</exception>
    internal Task<ModelCard> DescribeFilesAsync(string model, CancellationToken cancellationToken) =>
        _inspection.DescribeFilesAsync(model, cancellationToken);

    /// <summary>Loads the graphs that an image needs, side by side: the text encoders, the denoisers and the VAE decoder.</summary>
    /// <exception cref="ModelException">A graph is damaged.</exception>
    internal Task LoadAsync(string model, CancellationToken cancellationToken) => _inspection.LoadAsync(model, cancellationToken);

    /// <summary>Loads a model's text encoders and denoiser, and rejects a folder whose graphs are of two models.</summary>
    /// <exception cref="ModelException">The graphs do not fit each other, or are damaged.</exception>
    public Task RequireFitAsync(string model, CancellationToken cancellationToken) => _inspection.RequireFitAsync(model, cancellationToken);

    /// <summary>Runs a model's graph for a stage kind once, on the smallest possible input.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="kind">One of <see cref="StageKind"/>.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <exception cref="ModelException">The model is damaged, or its graph failed.</exception>
    public Task WarmUpAsync(string model, string kind, CancellationToken cancellationToken) =>
        _inspection.WarmUpAsync(model, kind, cancellationToken);

    /// <summary>Resolves a request's adapters for a model, or adds faults for its fields. Loads no graph.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="adapters">The adapters' names and weights.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <returns>The adapters with the hashes of their files; null when one cannot be read.</returns>
    /// <exception cref="ModelException">This process has no such model, or its graphs are damaged.</exception>
    public AdapterReferences? CheckAdapters(string model, AdapterReferences adapters, List<FieldFault> faults) =>
        _adapted.Check(model, adapters, faults);

    /// <summary>Returns the signature that adapters for a model are compared with. Reads the structure of the model's graphs.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The signature, or null for a model of a family without adapters.</returns>
    /// <exception cref="ModelException">This process has no such model, or its graphs are damaged.</exception>
    public Task<ModelSignature?> SignatureAsync(string model, CancellationToken cancellationToken) =>
        _adapted.SignatureAsync(model, cancellationToken);

    /// <inheritdoc/>
    public async Task<EngineLease<ITextEncoder>> TextEncoderAsync(
        string model, string? fingerprint, AdapterReferences? adapters, CancellationToken cancellationToken)
    {
        await _models.RequireAsync(model, fingerprint).ConfigureAwait(false);
        if (adapters is null)
        {
            return As<ITextEncoder, ILocalTextEncoder>(await _source.TextEncoderAsync(model, cancellationToken).ConfigureAwait(false));
        }
        AdapterSet set = await _adapted.OpenAsync(model, adapters, cancellationToken).ConfigureAwait(false);
        // Textual inversions add tokens to the tokenizer, whichever graph they are for, so the whole set identifies the encoder.
        string key = set.Inversions.Count > 0 ? set.Key : string.Concat(set.KeyOf("text_encoder"), set.KeyOf("text_encoder_2"));
        return As<ITextEncoder, ILocalTextEncoder>(
            await _source.TextEncoderAsync(model, cancellationToken, set, key).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async Task<EngineLease<IDenoiser>> DenoiserAsync(
        string model, string? fingerprint, string? part, AdapterReferences? adapters, IReadOnlyCollection<ControlNetReference> controlNets,
        CancellationToken cancellationToken)
    {
        await _models.RequireAsync(model, fingerprint).ConfigureAwait(false);
        string graph = part ?? (ModelFamilies.Read(_models.Folder(model)).Denoisers is [var first, ..] ? first : null)
            ?? throw new ModelException($"The model \"{model}\" has no denoiser");
        AdapterSet? set = adapters is null ? null : await _adapted.OpenAsync(model, adapters, cancellationToken).ConfigureAwait(false);
        EngineLease<LocalDenoiser> denoiser = await _source.DenoiserAsync(model, graph, cancellationToken, set).ConfigureAwait(false);
        if (controlNets.Count == 0)
        {
            return As<IDenoiser, LocalDenoiser>(denoiser);
        }
        var leases = new List<IDisposable> { denoiser };
        try
        {
            var opened = new Dictionary<ControlNetReference, ControlNet>();
            foreach (ControlNetReference reference in controlNets.Distinct())
            {
                EngineLease<ControlNet> net = await _source.ControlNetAsync(model, reference, cancellationToken).ConfigureAwait(false);
                leases.Add(net);
                opened.Add(reference, net.Engine);
            }
            return new EngineLease<IDenoiser>(new ControlledDenoiser(denoiser.Engine, opened), Release);
        }
        catch
        {
            Release();
            throw;
        }

        void Release() => leases.ForEach(lease => lease.Dispose());
    }

    /// <inheritdoc/>
    public async Task<EngineLease<IImageEncoder>> ImageEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken)
    {
        await _models.RequireAsync(model, fingerprint).ConfigureAwait(false);
        return As<IImageEncoder, LocalImageEncoder>(await _source.ImageEncoderAsync(model, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async Task<EngineLease<ITextProjection>> TextProjectionAsync(string model, string? fingerprint, CancellationToken cancellationToken)
    {
        await _models.RequireAsync(model, fingerprint).ConfigureAwait(false);
        return As<ITextProjection, LocalTextProjection>(await _source.TextProjectionAsync(model, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken)
    {
        await _models.RequireAsync(model, fingerprint).ConfigureAwait(false);
        return As<IVaeDecoder, LocalVaeDecoder>(await _source.VaeDecoderAsync(model, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken)
    {
        await _models.RequireAsync(model, fingerprint).ConfigureAwait(false);
        return As<IVaeEncoder, LocalVaeEncoder>(await _source.VaeEncoderAsync(model, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async Task<EngineLease<IImageUpscaler>> ImageUpscalerAsync(string model, string? fingerprint, CancellationToken cancellationToken)
    {
        await _models.RequireAsync(model, fingerprint).ConfigureAwait(false);
        return As<IImageUpscaler, LocalImageUpscaler>(await _source.ImageUpscalerAsync(model, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async Task<EngineLease<IVaeDecoder>> PreviewDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken)
    {
        if (!_models.Folder(model).Graphs.ContainsKey("preview_decoder"))
        {
            return await VaeDecoderAsync(model, fingerprint, cancellationToken).ConfigureAwait(false);
        }
        await _models.RequireAsync(model, fingerprint).ConfigureAwait(false);
        return As<IVaeDecoder, LocalVaeDecoder>(await _source.PreviewDecoderAsync(model, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Drops every graph without a lease. The graphs are unloaded when this method returns.</summary>
    public void Unload() => _cache.Unload();

    /// <summary>
    /// Stops loads in progress and drops every graph. When this method returns, no thread runs code of ONNX Runtime: a process that exits while one
    /// does would crash.
    /// </summary>
    public void Dispose() => _cache.Dispose();

    private static EngineLease<TInterface> As<TInterface, TEngine>(EngineLease<TEngine> lease)
        where TInterface : class
        where TEngine : class, TInterface => new(lease.Engine, lease.Dispose);
}
