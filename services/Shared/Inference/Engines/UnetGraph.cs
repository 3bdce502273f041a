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
    private const string DownBlock = "down_block_", MidBlock = "mid_block";

    private readonly KeptBindings<(int Rows, UnetSize Size), UnetBinding> _bindings;
    private readonly int _layers;

    /// <exception cref="ModelException">The graph is no UNet with text conditioning, or needs inputs of another family.</exception>
    public UnetGraph(OnnxGraph graph)
    {
        Graph = graph;
        _bindings = new(size => new UnetBinding(this, size.Rows, size.Size));
        Sample = graph.FindInput("sample") is { Rank: 4 } sample ? sample : throw NotOne("an input sample of four dimensions");
        Timestep = graph.FindInput("timestep", "t") is { Rank: 0 or 1 } timestep ? timestep : throw NotOne("an input timestep, scalar or a list");
        Embedding = graph.FindInput("encoder_hidden_states") is { Rank: 3 } embedding ? embedding : throw NotOne("an input encoder_hidden_states of three dimensions");
        Output = graph.FindOutput("out_sample", "noise_pred", "sample") is { Rank: 4 or 0 } output ? output : throw NotOne("an output out_sample or noise_pred");
        Pooled = graph.FindInput("text_embeds") is { Rank: 2 } pooled ? pooled : null;
        TimeIds = graph.FindInput("time_ids") is { Rank: 2 } timeIds ? timeIds : null;
        GuidanceCondition = graph.FindInput("timestep_cond") is { Rank: 2 } condition ? condition : null;
        Residuals = ResidualsOf(graph);
        _layers = Residuals.Count == 0 ? 0 : LayersOf(graph, Residuals);
        if (Pooled is null != TimeIds is null)
        {
            throw new ModelException($"{graph.File} takes only one of text_embeds and time_ids: Stable Diffusion XL's UNets take both");
        }
        string[] others = [.. graph.Inputs.Except([Sample, Timestep, Embedding, Pooled, TimeIds, GuidanceCondition, .. Residuals]).Select(input => input!.Name)];
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

    /// <summary>
    /// What ControlNets add to: the outputs of the first convolution and of every layer on the way down, <c>down_block_0</c>, <c>down_block_1</c>,
    /// ..., and last <c>mid_block</c>. Empty in models that were exported without.
    /// </summary>
    public IReadOnlyList<GraphTensor> Residuals { get; }

    public GraphTensor Output { get; }

    /// <summary>Whether all pictures of a batch must be at the same timestep.</summary>
    public bool SharesTimestep => Timestep.Rank == 0 || Timestep.Fixed(0) == 1;

    /// <summary>The shape of a residual.</summary>
    /// <param name="index">Of <see cref="Residuals"/>.</param>
    /// <param name="rows">Pictures, each pass counted.</param>
    /// <param name="height">In latents.</param>
    /// <param name="width">In latents.</param>
    /// <returns>[rows, channels, height, width].</returns>
    public long[] ResidualShape(int index, int rows, int height, int width)
    {
        // A level's layers are followed by the halved one, which the next level begins at; the last level halves no more.
        int last = Residuals.Count - 1, halvings = index == last ? (last - 1) / (_layers + 1) : index / (_layers + 1);
        for (int i = 0; i < halvings; i++)
        {
            (height, width) = ((height + 1) / 2, (width + 1) / 2);
        }
        return [rows, Residuals[index].Fixed(1)!.Value, height, width];
    }

    /// <summary>
    /// The binding for a batch; the same buffers for the same size. Only until the next call: one that was long not asked for is disposed.
    /// Allocates nothing for a size that is kept.
    /// </summary>
    /// <param name="rows">Pictures, each pass counted.</param>
    /// <param name="size">Of latents and embeddings.</param>
    public UnetBinding Bind(int rows, UnetSize size) => _bindings.Get((rows, size));

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
        _bindings.Dispose();
        Graph.Dispose();
    }

    private static GraphTensor[] ResidualsOf(OnnxGraph graph)
    {
        var residuals = new List<GraphTensor>();
        while (graph.FindInput(string.Create(CultureInfo.InvariantCulture, $"{DownBlock}{residuals.Count}")) is { } down)
        {
            residuals.Add(down);
        }
        GraphTensor? middle = graph.FindInput(MidBlock);
        if (residuals.Count == 0 && middle is null)
        {
            return [];
        }
        if (residuals.Count == 0 || middle is null)
        {
            throw new ModelException($"{graph.File} takes only one of {DownBlock}0 and {MidBlock}: UNets for ControlNets take both");
        }
        residuals.Add(middle);
        return residuals.FirstOrDefault(residual => residual is not { Rank: 4 } || residual.Fixed(1) is null) is { } wrong
            ? throw new ModelException($"{graph.File} has the input {wrong}; it must be of four dimensions and say its channels")
            : [.. residuals];
    }

    /// <summary>
    /// The layers of a level. The first convolution, the first level's layers and what is halved after them have the same channels, and the
    /// second level has others.
    /// </summary>
    private static int LayersOf(OnnxGraph graph, IReadOnlyList<GraphTensor> residuals)
    {
        GraphTensor[] down = [.. residuals.SkipLast(1)];
        int alike = down.TakeWhile(residual => residual.Fixed(1) == down[0].Fixed(1)).Count();
        return alike is > 2 && alike < down.Length && down.Length % (alike - 1) == 0
            ? alike - 2
            : throw new ModelException(
                $"{graph.File} has {down.Length} inputs {DownBlock}0, ... with {string.Join(", ", down.Select(residual => residual.Fixed(1)))} channels, "
                + "which are not those of levels with so many layers each");
    }

    private ModelException NotOne(string missing) => new(
        $"{Graph.File} is no UNet with text conditioning: it lacks {missing}; it has {string.Join("; ", Graph.Inputs)} -> {string.Join("; ", Graph.Outputs)}");
}
