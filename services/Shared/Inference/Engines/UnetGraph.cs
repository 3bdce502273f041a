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
        string[] others = [.. graph.Inputs.Select(input => input.Name).Except([Sample.Name, Timestep.Name, Embedding.Name])];
        if (others.Length > 0)
        {
            throw new ModelException($"{graph.File} also needs {string.Join(", ", others)}: it is a UNet of another family than Stable Diffusion 1.x or 2.x text to image");
        }
    }

    public OnnxGraph Graph { get; }

    public GraphTensor Sample { get; }

    public GraphTensor Timestep { get; }

    public GraphTensor Embedding { get; }

    public GraphTensor Output { get; }

    /// <summary>Whether all pictures of a batch must be at the same timestep.</summary>
    public bool SharesTimestep => Timestep.Rank == 0 || Timestep.Fixed(0) == 1;

    /// <summary>
    /// The binding for a batch; the same buffers for the same size. Only until the next call: one that was long not asked for is disposed.
    /// Allocates nothing for a size that is kept.
    /// </summary>
    /// <param name="rows">Pictures, each pass counted.</param>
    /// <param name="shape">The latents' [channels, height, width].</param>
    /// <param name="tokens">The embeddings' tokens.</param>
    /// <param name="width">The embeddings' width.</param>
    public UnetBinding Bind(int rows, IReadOnlyList<int> shape, int tokens, int width)
    {
        for (int i = _bindings.Count - 1; i >= 0; i--)
        {
            if (_bindings[i] is var known && known.Fits(rows, shape, tokens, width))
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
        var binding = new UnetBinding(this, rows, shape, tokens, width);
        _bindings.Add(binding);
        return binding;
    }

    /// <summary>Whether the graph runs at a size: exported graphs bake in how often a side is halved.</summary>
    public bool Runs(int channels, int height, int latentWidth, int tokens, int embeddingWidth)
    {
        int rows = Sample.Fixed(0) ?? 1;
        using var binding = new UnetBinding(this, rows, [channels, height, latentWidth], tokens, embeddingWidth);
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
