using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Models.Facts;
using Brownian.Models.Folders;

namespace Brownian.Adapters;

/// <summary>A ControlNet in the folders of adapters: the facts that its graph's file states. Loads no graph. Immutable.</summary>
public sealed class ControlNetFolder
{
    private readonly bool _isXl;
    private readonly int? _embeddingWidth;
    private readonly List<int?> _layers;

    private readonly string _folder;

    private ControlNetFolder(string name, string folder)
    {
        (Name, _folder) = (name, folder);
        GraphFile graph = GraphOf(null);
        OnnxStructure structure = OnnxStructure.Read(graph.File);
        OnnxValue? Input(string input) => structure.Inputs.FirstOrDefault(value => value.Name == input);
        var layers = new List<int?>();
        foreach (string output in ControlNetNames.Outputs(structure.Outputs.Select(value => value.Name)))
        {
            layers.Add(structure.Outputs.First(value => value.Name == output).Fixed(1));
        }
        string[] missing =
            [.. ControlNetNames.Inputs.Where(input => Input(input) is null), .. layers.Count == 0 ? (string[])["down_block_0, ..., mid_block"] : []];
        if (missing.Length > 0)
        {
            throw new ModelException($"{name} is not a ControlNet: its graph lacks {string.Join(", ", missing)}");
        }
        _isXl = Input("time_ids") is not null;
        _embeddingWidth = Input("encoder_hidden_states")!.Fixed(2) ?? graph.Integer("cross_attention_dim");
        _layers = layers;
        // Computed last, because it reads every byte.
        Fingerprint = ModelFingerprint.Compute(folder, null);
    }

    /// <summary>The ControlNet's name in messages.</summary>
    public string Name { get; }

    /// <summary>See <see cref="ModelFingerprint"/>; of the ControlNet's folder.</summary>
    public string Fingerprint { get; }

    /// <summary>Reads a folder, including every byte for the fingerprint.</summary>
    /// <param name="name">The ControlNet's name in messages.</param>
    /// <param name="folder">The folder's path.</param>
    /// <exception cref="ModelException">The folder contains no graph, a damaged one or one that is not a ControlNet, or cannot be read.</exception>
    public static ControlNetFolder Read(string name, string folder) => new(name, folder);

    /// <summary>Returns the graph of a precision.</summary>
    /// <param name="precision">See <see cref="GraphFile.Find"/>; the precision of the model that the ControlNet is used with.</param>
    /// <exception cref="ModelException">There is no graph.</exception>
    public GraphFile GraphOf(string? precision) =>
        GraphFile.Find(Name, _folder, precision) ?? throw new ModelException($"{Name} contains no ControlNet: model.onnx is missing in its folder");

    /// <summary>Checks that the ControlNet fits a model, as far as the files of both state it.</summary>
    /// <exception cref="ModelException">The ControlNet is for another model. The message states the difference.</exception>
    public void Check(ModelCard model)
    {
        ModelFacts facts = model.Facts;
        if (_isXl != facts.IsXl)
        {
            throw new ModelException(
                $"{Name} is a ControlNet {(_isXl ? "of" : "of another model than")} Stable Diffusion XL; the model {model.Name} "
                    + $"is {(facts.IsXl ? "one of it" : "not")}");
        }
        if (_embeddingWidth is { } width && facts.EmbeddingWidth is { } expected && width != expected)
        {
            throw new ModelException(
                $"{Name} takes embeddings of width {width}, the model {model.Name} has embeddings of width {expected}: "
                    + "they belong to different models");
        }
        if (facts.ControlLayers is { } layers
            && (_layers.Count != layers.Count || _layers.Zip(layers).Any(layer => layer.First is { } channels && channels != layer.Second)))
        {
            throw new ModelException(
                $"{Name} is for {_layers.Count} layers of "
                    + $"{string.Join(", ", _layers.Select(channels => channels?.ToString(CultureInfo.InvariantCulture) ?? "?"))} channels, "
                + $"the model {model.Name} has {layers.Count} of {string.Join(", ", layers)}: they belong to different models");
        }
    }
}
