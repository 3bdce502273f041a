using Brownian.Inference.Models;
using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>
/// A UNet's graph: which of its inputs is which, whatever the exporter named and shaped them, and the bindings it runs with.
/// Used by one thread at a time.
/// </summary>
internal sealed class UnetGraph : IDisposable
{
    /// <summary>Bindings of so many sizes are kept.</summary>
    private const int KeptBindings = 4;

    private readonly List<UnetBinding> _bindings = [];

    /// <exception cref="ModelException">The graph is no UNet with text conditioning, or needs inputs of another family.</exception>
    public UnetGraph(OnnxGraph graph)
    {
        Graph = graph;
        Sample = graph.FindInput("sample") is { Rank: 4 } sample ? sample : throw NotOne("an input sample of four dimensions");
        Timestep = graph.FindInput("timestep", "t") is { Rank: 0 or 1 } timestep ? timestep : throw NotOne("an input timestep, scalar or a list");
        Embedding = graph.FindInput("encoder_hidden_states") is { Rank: 3 } embedding ? embedding : throw NotOne("an input encoder_hidden_states of three dimensions");
        Output = graph.FindOutput("out_sample", "noise_pred", "sample") is { Rank: 4 or 0 } output ? output : throw NotOne("an output out_sample or noise_pred");
        Pooled = graph.FindInput("text_embeds") is { Rank: 2 } pooled ? pooled : null;
        TimeIds = graph.FindInput("time_ids") is { Rank: 2 } timeIds ? timeIds : null;
        GuidanceCondition = graph.FindInput("timestep_cond") is { Rank: 2 } condition ? condition : null;
        if (Pooled is null != TimeIds is null)
        {
            throw new ModelException($"{graph.File} takes only one of text_embeds and time_ids: Stable Diffusion XL's UNets take both");
        }
        string[] others = [.. graph.Inputs.Except([Sample, Timestep, Embedding, Pooled, TimeIds, GuidanceCondition]).Select(input => input!.Name)];
        if (others.Length > 0)
        {
            throw new ModelException($"{graph.File} also needs {string.Join(", ", others)}: it is a UNet of another family than Stable Diffusion");
        }
    }

    public OnnxGraph Graph { get; }

    public GraphTensor Sample { get; }

    public GraphTensor Timestep { get; }

    public GraphTensor Embedding { get; }

    /// <summary>XL's pooled embeddings; null in other models.</summary>
    public GraphTensor? Pooled { get; }

    /// <summary>XL's sizes; null in other models.</summary>
    public GraphTensor? TimeIds { get; }

    /// <summary>The guidance that a model is distilled with; null in other models.</summary>
    public GraphTensor? GuidanceCondition { get; }

    public GraphTensor Output { get; }

    /// <summary>Whether all pictures of a batch must be at the same timestep.</summary>
    public bool SharesTimestep => Timestep.Rank == 0 || Timestep.Fixed(0) == 1;

    /// <summary>
    /// The binding for a batch; the same buffers for the same size. Only until the next call: one that was long not asked for is disposed.
    /// Allocates nothing for a size that is kept.
    /// </summary>
    /// <param name="rows">Pictures, each pass counted.</param>
    /// <param name="size">Of latents and embeddings.</param>
    public UnetBinding Bind(int rows, UnetSize size)
    {
        for (int i = _bindings.Count - 1; i >= 0; i--)
        {
            if (_bindings[i] is var known && known.Fits(rows, size))
            {
                // The newest stand last.
                _bindings.RemoveAt(i);
                _bindings.Add(known);
                return known;
            }
        }
        if (_bindings.Count == KeptBindings)
        {
            _bindings[0].Dispose();
            _bindings.RemoveAt(0);
        }
        var binding = new UnetBinding(this, rows, size);
        _bindings.Add(binding);
        return binding;
    }

    /// <summary>Whether the graph runs at a size: exported graphs bake in how often a side is halved.</summary>
    public bool Runs(int channels, int height, int latentWidth, int tokens, int embeddingWidth)
    {
        int rows = Sample.Fixed(0) ?? 1;
        // XL's exporters write how wide a pooled embedding is, and how many sizes there are.
        var size = new UnetSize(channels, channels, height, latentWidth, tokens, embeddingWidth, Pooled?.Fixed(1) ?? (Pooled is null ? 0 : 1280), TimeIds?.Fixed(1) ?? (TimeIds is null ? 0 : 6));
        using var binding = new UnetBinding(this, rows, size);
        using var run = new TerminableRun(CancellationToken.None);
        try
        {
            binding.SetTimestep(1);
            binding.Run(run);
            return true;
        }
        catch (OnnxRuntimeException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        foreach (UnetBinding binding in _bindings)
        {
            binding.Dispose();
        }
        Graph.Dispose();
    }

    private ModelException NotOne(string missing) => new(
        $"{Graph.File} is no UNet with text conditioning: it lacks {missing}; it has {string.Join("; ", Graph.Inputs)} -> {string.Join("; ", Graph.Outputs)}");
}
