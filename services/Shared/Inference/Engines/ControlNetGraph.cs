using Brownian.Inference.Models;
using Brownian.Inference.Sessions;

namespace Brownian.Inference.Engines;

/// <summary>A ControlNet's graph: which of its inputs and outputs is which, and the bindings it runs with. Used by one thread at a time.</summary>
internal sealed class ControlNetGraph : IDisposable
{
    private readonly KeptBindings<ControlNetSize, ControlNetBinding> _bindings;

    /// <param name="graph">The graph; disposed with this object, or here where it is refused.</param>
    /// <param name="unet">What it speaks to.</param>
    /// <param name="pools">Whether it says the same to every place of a layer.</param>
    /// <exception cref="ModelException">The graph is no ControlNet, or one of another model.</exception>
    public ControlNetGraph(OnnxGraph graph, DenoiserGraph unet, bool pools)
    {
        (Graph, Unet, Pools) = (graph, unet, pools);
        _bindings = new(size => new ControlNetBinding(this, size));
        try
        {
            Sample = graph.FindInput("sample") is { Rank: 4 } sample ? sample : throw NotOne("an input sample of four dimensions");
            Timestep = graph.FindInput("timestep", "t") is { Rank: 0 or 1 } timestep ? timestep : throw NotOne("an input timestep, scalar or a list");
            Embedding = graph.FindInput("encoder_hidden_states") is { Rank: 3 } embedding ? embedding : throw NotOne("an input encoder_hidden_states of three dimensions");
            Image = graph.FindInput("controlnet_cond") is { Rank: 4 } image ? image : throw NotOne("an input controlnet_cond of four dimensions");
            Scale = graph.FindInput("conditioning_scale") is { Rank: 0 or 1 } scale ? scale : throw NotOne("an input conditioning_scale, scalar or a list of one");
            Pooled = graph.FindInput("text_embeds") is { Rank: 2 } pooled ? pooled : null;
            TimeIds = graph.FindInput("time_ids") is { Rank: 2 } timeIds ? timeIds : null;
            Outputs = [.. unet.Residuals.Select(residual => graph.FindOutput(residual.Name) ?? throw NotOne($"an output {residual.Name}, which the UNet has as an input"))];
            RequireFit();
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    public OnnxGraph Graph { get; }

    public DenoiserGraph Unet { get; }

    /// <summary>Whether it says the same to every place of a layer.</summary>
    public bool Pools { get; }

    public GraphTensor Sample { get; }

    public GraphTensor Timestep { get; }

    public GraphTensor Embedding { get; }

    /// <summary>The picture: RGB in [0, 1].</summary>
    public GraphTensor Image { get; }

    /// <summary>What the outputs are multiplied with.</summary>
    public GraphTensor Scale { get; }

    /// <summary>XL's pooled embeddings; null in other models.</summary>
    public GraphTensor? Pooled { get; }

    /// <summary>XL's sizes; null in other models.</summary>
    public GraphTensor? TimeIds { get; }

    /// <summary>As <see cref="DenoiserGraph.Residuals"/>.</summary>
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

    private void RequireFit()
    {
        if (Pooled is null != TimeIds is null)
        {
            throw new ModelException($"{Graph.File} takes only one of text_embeds and time_ids: Stable Diffusion XL's ControlNets take both");
        }
        if (Pooled is not null && Unet.Pooled is null)
        {
            throw new ModelException($"{Graph.File} is a ControlNet of Stable Diffusion XL, {Unet.Graph.File} is no UNet of it");
        }
        string[] others = [.. Graph.Inputs.Except([Sample, Timestep, Embedding, Image, Scale, Pooled, TimeIds]).Select(input => input!.Name)];
        if (others.Length > 0)
        {
            throw new ModelException($"{Graph.File} also needs {string.Join(", ", others)}: it is a ControlNet of another kind");
        }
        if (Graph.Outputs.Count != Outputs.Count)
        {
            throw new ModelException($"{Graph.File} gives {Graph.Outputs.Count} outputs, {Unet.Graph.File} takes {Outputs.Count} of them: they belong to two models");
        }
        if (Embedding.Fixed(2) is { } width && Unet.Embedding?.Fixed(2) is { } expected && width != expected)
        {
            throw new ModelException($"{Graph.File} takes embeddings of width {width}, {Unet.Graph.File} of {expected}: they belong to two models");
        }
        foreach ((GraphTensor output, GraphTensor residual) in Outputs.Zip(Unet.Residuals))
        {
            if (output.Fixed(1) is { } channels && channels != residual.Fixed(1))
            {
                throw new ModelException($"{Graph.File} gives {output}, {Unet.Graph.File} takes {residual}: they belong to two models");
            }
        }
    }

    private ModelException NotOne(string missing) => new(
        $"{Graph.File} is no ControlNet of this model: it lacks {missing}; it has {string.Join("; ", Graph.Inputs)} -> {string.Join("; ", Graph.Outputs)}");
}
