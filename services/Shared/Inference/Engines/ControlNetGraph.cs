using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Inference.Sessions;

namespace Brownian.Inference.Engines;

/// <summary>
/// A ControlNet's graph: which of its inputs and outputs is which, and the bindings it runs with. Denoisers of several models may share it;
/// its user holds <see cref="Turn"/>.
/// </summary>
internal sealed class ControlNetGraph : IDisposable
{
    private readonly BindingCache<ControlNetSize, ControlNetBinding> _bindings;
    private DenoiserGraph? _fitting;

    /// <param name="graph">The graph; disposed with this object, or here where it is refused.</param>
    /// <exception cref="ModelException">The graph is no ControlNet.</exception>
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

    /// <summary>Held by its user: one evaluation at a time.</summary>
    public Lock Turn { get; } = new();

    /// <summary>What it speaks to, once a UNet was fitted.</summary>
    public ControlLayers? Layers { get; private set; }

    public GraphTensor Sample { get; }

    public GraphTensor Timestep { get; }

    public GraphTensor Embedding { get; }

    /// <summary>The image: RGB in [0, 1].</summary>
    public GraphTensor Image { get; }

    /// <summary>What the outputs are multiplied with.</summary>
    public GraphTensor Scale { get; }

    /// <summary>XL's pooled embeddings; null in other models.</summary>
    public GraphTensor? Pooled { get; }

    /// <summary>XL's sizes; null in other models.</summary>
    public GraphTensor? TimeIds { get; }

    /// <summary>As <see cref="ControlLayers.Inputs"/> of the UNets that it speaks to.</summary>
    public IReadOnlyList<GraphTensor> Outputs { get; }

    /// <summary>
    /// The binding for some rows; the same buffers for the same size. Only until the next call: one that was long not asked for is disposed.
    /// Allocates nothing for a size that is kept.
    /// </summary>
    public ControlNetBinding Bind(ControlNetSize size) => _bindings.Get(size);

    public void Dispose()
    {
        _bindings.Dispose();
        Graph.Dispose();
    }

    /// <summary>Refuses a UNet that it was not made for.</summary>
    /// <exception cref="ModelException">They belong to two models.</exception>
    public void Fit(DenoiserGraph unet)
    {
        if (ReferenceEquals(_fitting, unet))
        {
            return;
        }
        if (Pooled is not null && unet.Pooled is null)
        {
            throw new ModelException($"{Graph.File} is a ControlNet of Stable Diffusion XL, {unet.Graph.File} is no UNet of it");
        }
        ControlLayers layers = unet.Layers!;
        if (Graph.Outputs.Count != layers.Inputs.Count)
        {
            throw new ModelException(
                $"{Graph.File} gives {Graph.Outputs.Count} outputs, {unet.Graph.File} takes "
                    + $"{layers.Inputs.Count} of them: they belong to two models");
        }
        if (Embedding.Fixed(2) is { } width && unet.Embedding?.Fixed(2) is { } expected && width != expected)
        {
            throw new ModelException($"{Graph.File} takes embeddings of width {width}, {unet.Graph.File} of {expected}: they belong to two models");
        }
        foreach ((GraphTensor output, GraphTensor input) in Outputs.Zip(layers.Inputs))
        {
            if (output.Fixed(1) is { } channels && channels != input.Fixed(1))
            {
                throw new ModelException($"{Graph.File} gives {output}, {unet.Graph.File} takes {input}: they belong to two models");
            }
        }
        if (Layers is { } known && !known.Equals(layers))
        {
            throw new ModelException($"{Graph.File} speaks to a UNet of other layers than {unet.Graph.File}: they belong to two models");
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
        $"{Graph.File} is no ControlNet of this model: it lacks {missing}; it has "
            + $"{string.Join("; ", Graph.Inputs)} -> {string.Join("; ", Graph.Outputs)}");
}
