using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>
/// A denoiser's graph, a UNet or a transformer: which of its inputs is which, whatever the exporter named and shaped them, and the bindings
/// it runs with. Used by one thread at a time.
/// </summary>
internal sealed class DenoiserGraph : IDisposable
{
    private readonly BindingCache<(int Rows, DenoiserSize Size), DenoiserBinding> _bindings;

    /// <summary>Inputs that only some families have; a task brings them by name.</summary>
    private static readonly string[] ExtraInputNames = ["class_labels", "attention_mask", "proj_embedding"];

    /// <exception cref="ModelException">The graph is no denoiser, or needs inputs that no family has.</exception>
    public DenoiserGraph(OnnxGraph graph)
    {
        Graph = graph;
        _bindings = new(size => new DenoiserBinding(this, size.Rows, size.Size));
        Sample = graph.FindInput("sample", "hidden_states") is { Rank: 2 or 3 or 4 } sample
            ? sample
            : throw NotOne("an input sample of four dimensions, or hidden_states");
        Timestep = graph.FindInput("timestep", "t") is { Rank: 0 or 1 } timestep ? timestep : throw NotOne("an input timestep, scalar or a list");
        Embedding = graph.FindInput("encoder_hidden_states") switch
        {
            { Rank: 3 } embedding => embedding,
            null when graph.Inputs.Count == 2 => null,
            _ => throw NotOne("an input encoder_hidden_states of three dimensions"),
        };
        Output = graph.FindOutput("out_sample", "noise_pred", "sample", "out_hidden_states", "predicted_image_embedding") is { } output
            && (output.Rank == Sample.Rank || output.Rank == 0)
            ? output
            : throw NotOne("an output out_sample or noise_pred");
        Pooled = graph.FindInput("text_embeds", "pooled_projections") is { Rank: 2 } pooled ? pooled : null;
        TimeIds = graph.FindInput("time_ids") is { Rank: 2 } timeIds ? timeIds : null;
        GuidanceCondition = graph.FindInput("timestep_cond") is { Rank: 2 } condition ? condition : null;
        Guidance = graph.FindInput("guidance") is { Rank: 1 } guidance ? guidance : null;
        ImageIds = graph.FindInput("img_ids") is { Rank: 2 or 3 } imageIds ? imageIds : null;
        TextIds = graph.FindInput("txt_ids") is { Rank: 2 or 3 } textIds ? textIds : null;
        ExtraInputs = [.. graph.Inputs.Where(input => ExtraInputNames.Contains(input.Name) && input.Rank >= 1)];
        Layers = ControlLayers.Of(graph);
        if (Pooled is null != TimeIds is null && Pooled is not { Name: "pooled_projections" })
        {
            throw new ModelException($"{graph.File} takes only one of text_embeds and time_ids: Stable Diffusion XL's UNets take both");
        }
        string[] others =
        [
            .. graph.Inputs.Except(
                [Sample, Timestep, Embedding, Pooled, TimeIds, GuidanceCondition, Guidance, ImageIds, TextIds, .. ExtraInputs,
                    .. Layers?.Inputs ?? []]).Select(input => input!.Name),
        ];
        if (others.Length > 0)
        {
            throw new ModelException(
                $"{graph.File} also needs {string.Join(", ", others)}: it is a denoiser of a family that this version does not run");
        }
    }

    public OnnxGraph Graph { get; }

    public GraphTensor Sample { get; }

    public GraphTensor Timestep { get; }

    /// <summary>Null in models that know no prompt.</summary>
    public GraphTensor? Embedding { get; }

    /// <summary>Pooled embeddings; null in models that take none.</summary>
    public GraphTensor? Pooled { get; }

    /// <summary>XL's sizes; null in other models.</summary>
    public GraphTensor? TimeIds { get; }

    /// <summary>The guidance that a model is distilled with, as a vector; null in other models.</summary>
    public GraphTensor? GuidanceCondition { get; }

    /// <summary>The same as a number; null in other models.</summary>
    public GraphTensor? Guidance { get; }

    /// <summary>Whether the model takes the guidance scale instead of a pass without the prompt.</summary>
    public bool EmbedsGuidance => GuidanceCondition is not null || Guidance is not null;

    /// <summary>The places of packed latents; null in other models.</summary>
    public GraphTensor? ImageIds { get; }

    /// <summary>The places of tokens; null in other models.</summary>
    public GraphTensor? TextIds { get; }

    /// <summary>Inputs that a task brings by name, in the graph's order.</summary>
    public IReadOnlyList<GraphTensor> ExtraInputs { get; }

    /// <summary>Whether latents are given as a sequence of squares of two by two (Flux).</summary>
    public bool IsPacked => Sample.Rank == 3;

    /// <summary>What timesteps are divided by: Flux's transformers count from 1 down to 0.</summary>
    public float TimestepDivisor => IsPacked ? 1000 : 1;

    /// <summary>What ControlNets add to; null in models that were exported without.</summary>
    public ControlLayers? Layers { get; }

    public GraphTensor Output { get; }

    /// <summary>Whether all images of a batch must be at the same timestep.</summary>
    public bool SharesTimestep => Timestep.Rank == 0 || Timestep.Fixed(0) == 1;

    /// <summary>
    /// The binding for a batch; the same buffers for the same size. Only until the next call: one that was long not asked for is disposed.
    /// Allocates nothing for a size that is kept.
    /// </summary>
    /// <param name="rows">Images, each pass counted.</param>
    /// <param name="size">Of latents and embeddings.</param>
    public DenoiserBinding Bind(int rows, DenoiserSize size) => _bindings.Get((rows, size));

    /// <summary>The rows of the further inputs as a task brings them.</summary>
    /// <exception cref="ArgumentException">One is missing or not of the graph's shape, or one is there that the graph does not take.</exception>
    public RowShapes RowsOf(DenoiseTask task)
    {
        if (task.ExtraInputs.FirstOrDefault(condition => ExtraInputs.All(input => input.Name != condition.Input)) is { } unknown)
        {
            throw new ArgumentException($"{Graph.File} takes no {unknown.Input}", nameof(task));
        }
        return new RowShapes(ExtraInputs.Select(input =>
        {
            Tensor value = task.ExtraInputs.FirstOrDefault(condition => condition.Input == input.Name)?.Value
                ?? throw new ArgumentException($"{Graph.File} needs {input.Name}", nameof(task));
            int[] row = [.. value.Shape.Skip(1)];
            return row.Length == input.Rank - 1 && row.Select((size, i) => input.Fixed(i + 1) is not { } only || only == size).All(fits => fits)
                ? row
                : throw new ArgumentException($"{input.Name} of [{string.Join(", ", value.Shape)}] where {Graph.File} has {input}", nameof(task));
        }));
    }

    /// <summary>Whether the graph runs at a size: exported graphs bake in how often a side is halved.</summary>
    public bool Runs(int channels, int height, int latentWidth, int tokens, int embeddingWidth)
    {
        int rows = Sample.Fixed(0) ?? 1;
        // XL's exporters write how wide a pooled embedding is, and how many sizes there are.
        var size = new DenoiserSize(
            channels, channels, height, latentWidth, tokens, embeddingWidth, Pooled?.Fixed(1) ?? (Pooled is null ? 0 : 1280),
            TimeIds?.Fixed(1) ?? (TimeIds is null ? 0 : 6))
        {
            ExtraInputs = new RowShapes(ExtraInputs.Select(input => input.Shape.Skip(1).Select(side => side > 0 ? side : tokens).ToArray())),
        };
        using var binding = new DenoiserBinding(this, rows, size);
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

    private ModelException NotOne(string missing) => new(
        $"{Graph.File} is no denoiser: it lacks {missing}; it has {string.Join("; ", Graph.Inputs)} -> {string.Join("; ", Graph.Outputs)}");
}
