using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>
/// A denoiser's graph, a UNet or a transformer: the mapping of its inputs, for every exporter's names and shapes, and its bindings. Not safe for
/// concurrent use.
/// </summary>
internal sealed class DenoiserGraph : IDisposable
{
    private readonly BindingCache<(int Rows, DenoiserSize Size), DenoiserBinding> _bindings;

    /// <summary>Inputs that only some families have. A task provides them by name.</summary>
    private static readonly string[] ExtraInputNames = ["class_labels", "attention_mask", "proj_embedding"];

    /// <exception cref="ModelException">The graph is not a denoiser, or needs inputs that no family has.</exception>
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

    /// <summary>The embeddings; null for models without a prompt.</summary>
    public GraphTensor? Embedding { get; }

    /// <summary>Pooled embeddings; null for models without them.</summary>
    public GraphTensor? Pooled { get; }

    /// <summary>XL's sizes; null for other models.</summary>
    public GraphTensor? TimeIds { get; }

    /// <summary>The guidance input of a distilled model as a vector; null for other models.</summary>
    public GraphTensor? GuidanceCondition { get; }

    /// <summary>The guidance input of a distilled model as a number; null for other models.</summary>
    public GraphTensor? Guidance { get; }

    /// <summary>Whether the model takes the guidance scale as an input instead of an unconditional pass.</summary>
    public bool EmbedsGuidance => GuidanceCondition is not null || Guidance is not null;

    /// <summary>The positions of packed latents; null for other models.</summary>
    public GraphTensor? ImageIds { get; }

    /// <summary>The positions of tokens; null for other models.</summary>
    public GraphTensor? TextIds { get; }

    /// <summary>Inputs that a task provides by name, in the graph's order.</summary>
    public IReadOnlyList<GraphTensor> ExtraInputs { get; }

    /// <summary>Whether the latents are passed as a sequence of patches of two by two (Flux).</summary>
    public bool IsPacked => Sample.Rank == 3;

    /// <summary>The divisor of timesteps: Flux's transformers count from 1 down to 0.</summary>
    public float TimestepDivisor => IsPacked ? 1000 : 1;

    /// <summary>The layers that ControlNets add to; null for models that were exported without these inputs.</summary>
    public ControlLayers? Layers { get; }

    public GraphTensor Output { get; }

    /// <summary>Whether all images of a batch must be at the same timestep.</summary>
    public bool SharesTimestep => Timestep.Rank == 0 || Timestep.Fixed(0) == 1;

    /// <summary>
    /// Returns the binding for a batch: the same buffers for the same size. Valid only until the next call, because the least recently used binding
    /// is disposed. Allocates nothing for a size in the cache.
    /// </summary>
    /// <param name="rows">The number of rows: images times passes.</param>
    /// <param name="size">The size of latents and embeddings.</param>
    public DenoiserBinding Bind(int rows, DenoiserSize size) => _bindings.Get((rows, size));

    /// <summary>Returns the row shapes of the further inputs that a task provides.</summary>
    /// <exception cref="ArgumentException">
    /// An input is missing or has another shape than the graph's, or the graph has no input of that name.
    /// </exception>
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

    /// <summary>Returns whether the graph runs at a size. Exported graphs can fix how often a side is halved.</summary>
    public bool Runs(int channels, int height, int latentWidth, int tokens, int embeddingWidth)
    {
        int rows = Sample.Fixed(0) ?? 1;
        // XL's exporters state the width of a pooled embedding and the number of sizes.
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
        $"{Graph.File} is not a denoiser: it lacks {missing}; it has {string.Join("; ", Graph.Inputs)} -> {string.Join("; ", Graph.Outputs)}");
}
