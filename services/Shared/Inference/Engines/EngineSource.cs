using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>Leases the engines of local models: the loader loads each graph and the cache holds it.</summary>
/// <param name="models">The models.</param>
/// <param name="cache">The loaded graphs.</param>
/// <param name="loader">Loads the graphs.</param>
/// <param name="adapters">The catalog of ControlNets that belong to no model.</param>
internal sealed class EngineSource(LocalModels models, EngineCache cache, EngineLoader loader, AdapterCatalog adapters)
{
    /// <summary>Leases a model's text encoders.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <param name="set">The adapters that are merged into them.</param>
    /// <param name="key">The key of the adapters; empty without adapters.</param>
    public Task<EngineLease<ILocalTextEncoder>> TextEncoderAsync(
        string model, CancellationToken cancellationToken, AdapterSet? set = null, string key = "") =>
        UseAsync(model, "text_encoder", folder => loader.LoadTextEncoder(folder, set, key), cancellationToken, key);

    /// <summary>Leases a model's denoiser.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="part">The folder of its graph.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <param name="set">The adapters that are merged into it.</param>
    public Task<EngineLease<LocalDenoiser>> DenoiserAsync(
        string model, string part, CancellationToken cancellationToken, AdapterSet? set = null) =>
        UseAsync(model, part, folder => loader.LoadDenoiser(folder, part, set), cancellationToken, set?.KeyOf(part) ?? "");

    /// <summary>Leases a model's image encoder.</summary>
    public Task<EngineLease<LocalImageEncoder>> ImageEncoderAsync(string model, CancellationToken cancellationToken) =>
        UseAsync(model, "image_encoder", loader.LoadImageEncoder, cancellationToken);

    /// <summary>Leases a model's projection of texts and images.</summary>
    public Task<EngineLease<LocalTextProjection>> TextProjectionAsync(string model, CancellationToken cancellationToken) =>
        UseAsync(model, "text_proj", loader.LoadTextProjection, cancellationToken);

    /// <summary>Leases a model's VAE decoder.</summary>
    public Task<EngineLease<LocalVaeDecoder>> VaeDecoderAsync(string model, CancellationToken cancellationToken) =>
        UseAsync(model, "vae_decoder", loader.LoadVaeDecoder, cancellationToken);

    /// <summary>Leases a model's small decoder of previews.</summary>
    public Task<EngineLease<LocalVaeDecoder>> PreviewDecoderAsync(string model, CancellationToken cancellationToken) =>
        UseAsync(model, "preview_decoder", loader.LoadPreviewDecoder, cancellationToken);

    /// <summary>Leases a model's VAE encoder.</summary>
    public Task<EngineLease<LocalVaeEncoder>> VaeEncoderAsync(string model, CancellationToken cancellationToken) =>
        UseAsync(model, "vae_encoder", loader.LoadVaeEncoder, cancellationToken);

    /// <summary>Leases an upscaler.</summary>
    public Task<EngineLease<LocalImageUpscaler>> ImageUpscalerAsync(string model, CancellationToken cancellationToken) =>
        UseAsync(model, ImageUpscaler.Part, loader.LoadImageUpscaler, cancellationToken);

    /// <summary>
    /// Leases a ControlNet, whose graph is loaded when a run first uses it and stays loaded. A ControlNet of the adapters' folders is shared by all
    /// models.
    /// </summary>
    public async Task<EngineLease<ControlNet>> ControlNetAsync(string model, ControlNetReference reference, CancellationToken cancellationToken)
    {
        ModelFolder folder = models.Folder(model);
        GraphFile file = reference.Fingerprint is null
            ? folder.ControlNets.FirstOrDefault(net => net.Part == reference.Name)
                ?? throw new ModelException($"The model \"{model}\" has no ControlNet {reference.Name}")
            : (await Task.Run(() => adapters.Open(reference), cancellationToken).ConfigureAwait(false)).GraphOf(folder.Precision);
        EngineKey key = reference.Fingerprint is null
            ? new EngineKey(model, reference.Name)
            : new EngineKey("", $"{Path.GetFileName(file.File)}@{reference.Fingerprint}");
        EngineLease<Func<ControlNetGraph>> lease = cache.LeaseLazily(key, () => file.Bytes, () => loader.LoadControlNet(file));
        return new EngineLease<ControlNet>(new ControlNet(file, lease.Engine), lease.Dispose);
    }

    private Task<EngineLease<T>> UseAsync<T>(
        string model, string part, Func<ModelFolder, T> load, CancellationToken cancellationToken, string key = "")
        where T : class, IDisposable
    {
        ModelFolder folder = models.FolderOf(model, part);
        return cache.LeaseAsync(new EngineKey(folder.Name, part, key), () => Size(folder, part), () => load(folder), cancellationToken);
    }

    /// <summary>Returns the size of a graph's weights: its file and the external data beside it.</summary>
    private static long Size(ModelFolder folder, string part) => folder.Graphs.Values
        .Where(
            graph =>
                graph.Part == part || (part == "text_encoder" && graph.Part.StartsWith("text_encoder_", StringComparison.Ordinal))
                    || graph.Part == part + ModelFolder.PerturbedSuffix)
        .Sum(graph => graph.Bytes);
}
