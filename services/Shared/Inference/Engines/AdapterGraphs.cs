using System.Collections.Concurrent;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>The graphs that adapters change: their weights, their signatures, and the adapters that fit them.</summary>
/// <param name="models">The models.</param>
/// <param name="adapters">The catalog of LoRAs, textual inversions and ControlNets.</param>
internal sealed class AdapterGraphs(LocalModels models, AdapterCatalog adapters)
{
    private readonly ConcurrentDictionary<(string Model, string Part), GraphWeights> _weights = new();

    /// <summary>Resolves a request's adapters for a model, or adds faults for its fields. Loads no graph.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="requested">The adapters' names and weights.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <returns>The adapters with the hashes of their files; null when one cannot be read.</returns>
    /// <exception cref="ModelException">This process has no such model, or its graphs are damaged.</exception>
    public AdapterReferences? Check(string model, AdapterReferences requested, List<FieldFault> faults)
    {
        if (adapters.Open(requested, faults) is not { } opened)
        {
            return null;
        }
        if (TakesAdapters(models.Folder(model)))
        {
            opened.Set.Check(Signatures(models.Folder(model)), faults);
        }
        return opened.References;
    }

    /// <summary>Returns the signature that adapters for a model are compared with. Reads the structure of the model's graphs.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The signature, or null for a model of a family without adapters.</returns>
    /// <exception cref="ModelException">This process has no such model, or its graphs are damaged.</exception>
    public async Task<ModelSignature?> SignatureAsync(string model, CancellationToken cancellationToken)
    {
        ModelFolder folder = models.Folder(model);
        if (!TakesAdapters(folder))
        {
            return null;
        }
        string fingerprint = await models.FingerprintAsync(model).ConfigureAwait(false);
        Dictionary<string, GraphSignature> parts = await Task.Run(() => Signatures(folder), cancellationToken).ConfigureAwait(false);
        // The signature is sent to other machines, so it contains no paths of this one.
        return new ModelSignature(model, fingerprint, parts.ToDictionary(part => part.Key, part => part.Value.Named($"{part.Key} of {model}")));
    }

    /// <summary>Opens adapters and checks that they fit a model. Reads files, so it does not run on the caller's thread.</summary>
    public Task<AdapterSet> OpenAsync(string model, AdapterReferences requested, CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            AdapterSet set = adapters.Open(requested);
            set.Check(Signatures(models.Folder(model)));
            return set;
        },
        cancellationToken);

    /// <summary>Returns the modules of the initializers of every graph that adapters change.</summary>
    public Dictionary<string, GraphWeights> Weights(ModelFolder model) => model.Graphs
        .Where(graph => graph.Key is "unet" or "text_encoder" or "text_encoder_2")
        .ToDictionary(graph => graph.Key, graph => _weights.GetOrAdd((model.Name, graph.Key), _ => GraphWeights.Read(graph.Value.File)));

    /// <summary>Forgets what was read of a model's graphs.</summary>
    public void Forget(string model)
    {
        foreach ((string Model, string Part) key in _weights.Keys.Where(key => key.Model == model))
        {
            _weights.TryRemove(key, out _);
        }
    }

    private static bool TakesAdapters(ModelFolder model) => ModelFamilies.Read(model) is { Family: StableDiffusion.FamilyKey, IsDecoderOnly: false };

    private Dictionary<string, GraphSignature> Signatures(ModelFolder model) =>
        Weights(model).ToDictionary(part => part.Key, part => part.Value.Signature);
}
