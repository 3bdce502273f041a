using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Inference.Sessions;

namespace Brownian.Inference.Engines;

/// <summary>
/// A ControlNet's graph: the mapping of its inputs and outputs, and its bindings. Denoisers of several models may share it, so its user must hold
/// <see cref="Turn"/>.
/// </summary>
internal sealed class ControlNetGraph : IDisposable
{
    private readonly BindingCache<ControlNetSize, ControlNetBinding> _bindings;
    private DenoiserGraph? _fitting;

    /// <param name="graph">The graph. It is disposed with this object, or by this constructor when it is rejected.</param>
    /// <exception cref="ModelException">The graph is not a ControlNet.</exception>
    public ControlNetGraph(OnnxGraph graph)
    {
        Graph = graph;
        _bindings = new(size => new ControlNetBinding(this, size));
        try
        {
            Sample = graph.FindInput("sample") is { Rank: 4 } sample ? sample : throw NotOne("an input sample of four dimensions");
            Timestep = graph.FindInput("timestep", "t") is { Rank: 0 or 1 } timestep ? timestep : throw NotOne("an input timestep, scalar or a list");
            Embedding = graph.FindInput("encoder_hidden_states") is { Rank: 3 } embedding
                ? embedding
                : throw NotOne("an input encoder_hidden_states of three dimensions");
            Image = graph.FindInput("controlnet_cond") is { Rank: 4 } image ? image : throw NotOne("an input controlnet_cond of four dimensions");
            Scale = graph.FindInput("conditioning_scale") is { Rank: 0 or 1 } scale
                ? scale
                : throw NotOne("an input conditioning_scale, scalar or a list of one");
            Pooled = graph.FindInput("text_embeds") is { Rank: 2 } pooled ? pooled : null;
            TimeIds = graph.FindInput("time_ids") is { Rank: 2 } timeIds ? timeIds : null;
            Outputs = [.. ControlNetNames.Outputs(graph.Outputs.Select(output => output.Name)).Select(name => graph.FindOutput(name)!)];
            RequireWhole();
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    public OnnxGraph Graph { get; }

    /// <summary>The lock that the user must hold, so that one evaluation runs at a time.</summary>
    public Lock Turn { get; } = new();

    /// <summary>The UNet layers that the ControlNet adds to; null until <see cref="Fit"/> has checked a UNet.</summary>
    public ControlLayers? Layers { get; private set; }

    public GraphTensor Sample { get; }

    public GraphTensor Timestep { get; }

    public GraphTensor Embedding { get; }

    /// <summary>The control image input: RGB in [0, 1].</summary>
    public GraphTensor Image { get; }

    /// <summary>The input with the factor of the outputs.</summary>
    public GraphTensor Scale { get; }

    /// <summary>XL's pooled embeddings; null for other models.</summary>
    public GraphTensor? Pooled { get; }

    /// <summary>XL's sizes; null for other models.</summary>
    public GraphTensor? TimeIds { get; }

    /// <summary>The outputs, in the order of <see cref="ControlLayers.Inputs"/> of the UNets that the ControlNet fits.</summary>
    public IReadOnlyList<GraphTensor> Outputs { get; }

    /// <summary>
    /// Returns the binding for some rows: the same buffers for the same size. Valid only until the next call, because the least recently used binding
    /// is disposed. Allocates nothing for a size in the cache.
    /// </summary>
    public ControlNetBinding Bind(ControlNetSize size) => _bindings.Get(size);

    public void Dispose()
    {
        _bindings.Dispose();
        Graph.Dispose();
    }

    /// <summary>Rejects a UNet that the ControlNet was not trained for.</summary>
    /// <exception cref="ModelException">The ControlNet and the UNet belong to different models.</exception>
    public void Fit(DenoiserGraph unet)
    {
        if (ReferenceEquals(_fitting, unet))
        {
            return;
        }
        if (Pooled is not null && unet.Pooled is null)
        {
            throw new ModelException($"{Graph.File} is a ControlNet of Stable Diffusion XL, {unet.Graph.File} is not a UNet of it");
        }
        ControlLayers layers = unet.Layers!;
        if (Graph.Outputs.Count != layers.Inputs.Count)
        {
            throw new ModelException(
                $"{Graph.File} gives {Graph.Outputs.Count} outputs, {unet.Graph.File} takes "
                    + $"{layers.Inputs.Count} of them: they belong to different models");
        }
        if (Embedding.Fixed(2) is { } width && unet.Embedding?.Fixed(2) is { } expected && width != expected)
        {
            throw new ModelException(
                $"{Graph.File} takes embeddings of width {width}, {unet.Graph.File} of {expected}: they belong to different models");
        }
        foreach ((GraphTensor output, GraphTensor input) in Outputs.Zip(layers.Inputs))
        {
            if (output.Fixed(1) is { } channels && channels != input.Fixed(1))
            {
                throw new ModelException($"{Graph.File} gives {output}, {unet.Graph.File} takes {input}: they belong to different models");
            }
        }
        if (Layers is { } known && !known.Equals(layers))
        {
            throw new ModelException($"{Graph.File} is for a UNet of other layers than {unet.Graph.File}: they belong to different models");
        }
        (_fitting, Layers) = (unet, layers);
    }

    private void RequireWhole()
    {
        if (Pooled is null != TimeIds is null)
        {
            throw new ModelException($"{Graph.File} takes only one of text_embeds and time_ids: Stable Diffusion XL's ControlNets take both");
        }
        string[] others = [.. Graph.Inputs.Except([Sample, Timestep, Embedding, Image, Scale, Pooled, TimeIds]).Select(input => input!.Name)];
        if (others.Length > 0)
        {
            throw new ModelException($"{Graph.File} also needs {string.Join(", ", others)}: it is a ControlNet of another kind");
        }
        if (Outputs.Count == 0)
        {
            throw NotOne("outputs down_block_0, ... and mid_block");
        }
    }

    private ModelException NotOne(string missing) => new(
        $"{Graph.File} is not a ControlNet of this model: it lacks {missing}; it has "
            + $"{string.Join("; ", Graph.Inputs)} -> {string.Join("; ", Graph.Outputs)}");
}
