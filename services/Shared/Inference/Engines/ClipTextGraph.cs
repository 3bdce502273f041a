using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>A CLIP text encoder's graph: token ids to embeddings. Not safe for concurrent use.</summary>
internal sealed class ClipTextGraph : IDisposable
{
    private const string HiddenState = "hidden_states.", NormedState = ModelFacts.NormedStates + ".";

    private readonly GraphTensor _ids;
    private readonly string _last;
    private readonly string? _pooled;
    private readonly bool _isXl;
    private readonly int _layers;
    private readonly int _normed;

    /// <param name="graph">The graph.</param>
    /// <param name="isXl">Whether the embeddings are the output of the layer before the last one, without its norm.</param>
    /// <param name="pooled">Whether the pooled embedding is needed as well.</param>
    /// <exception cref="ModelException">The graph is not a CLIP text encoder, or lacks an output.</exception>
    public ClipTextGraph(OnnxGraph graph, bool isXl = false, bool pooled = false)
    {
        Graph = graph;
        _isXl = isXl;
        _ids = graph.FindInput("input_ids") is { Dtype: TensorDtype.Int64 or TensorDtype.Int32 } ids
            ? ids
            : throw new ModelException($"{graph.File} is not a text encoder: it has no input input_ids of int64 or int32");
        _last = graph.FindOutput("last_hidden_state")?.Name ?? throw Lacks("last_hidden_state");
        _layers = LastOf(HiddenState);
        _normed = LastOf(NormedState);
        if (isXl && _layers < 1)
        {
            throw Lacks("hidden_states.0, hidden_states.1, ..., of which Stable Diffusion XL uses the last but one");
        }
        _pooled = pooled ? graph.FindOutput("text_embeds", "pooler_output")?.Name ?? throw Lacks("text_embeds") : null;
    }

    public OnnxGraph Graph { get; }

    /// <summary>The fixed number of ids that the graph accepts, or null.</summary>
    public int? FixedWindow => _ids.Fixed(1);

    /// <summary>
    /// The number of further last layers that can be left out. Outside XL the reference applies the encoder's last norm to the layer that it uses:
    /// only graphs of imports output layers with it.
    /// </summary>
    public int MaxClipSkip => _isXl ? _layers - 1 : _normed;

    /// <summary>Returns the embeddings of token ids.</summary>
    /// <param name="ids">The ids; as many as the window.</param>
    /// <param name="skip">The number of layers to leave out.</param>
    /// <param name="run">The means to run the graph.</param>
    /// <exception cref="ModelException">
    /// The graph failed, for example because of ids beyond its vocabulary, or does not output that layer.
    /// </exception>
    public TextFeatures Run(ReadOnlySpan<long> ids, int skip, TerminableRun run)
    {
        if (skip < 0 || skip > MaxClipSkip)
        {
            throw new ModelException($"{Graph.File} has no output of embeddings with {skip} layers skipped; allowed: at most {MaxClipSkip}");
        }
        int rows = _ids.Fixed(0) ?? 1, tokens = ids.Length;
        using var input = new BoundTensor(_ids.Dtype, rows, tokens);
        for (int row = 0; row < rows; row++)
        {
            input.SetIds(row * tokens, ids);
        }
        long largest = 0;
        foreach (long id in ids)
        {
            largest = Math.Max(largest, id);
        }
        string embedding = _isXl ? string.Create(CultureInfo.InvariantCulture, $"{HiddenState}{_layers - 1 - skip}")
            : skip > 0 ? string.Create(CultureInfo.InvariantCulture, $"{NormedState}{_normed + 1 - skip}")
            : _last;
        try
        {
            using IDisposableReadOnlyCollection<OrtValue> outputs =
                run.Execute(options => Graph.Session.Run(options, [_ids.Name], [input.Value], _pooled is null ? [embedding] : [embedding, _pooled]));
            return new TextFeatures(First(outputs[0].ToTensor(), rows), _pooled is null ? null : First(outputs[1].ToTensor(), rows));
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{Graph.File} failed on {tokens} tokens with ids up to {largest}: do the tokenizer's files belong to this model? "
                    + $"({exception.Message.ReplaceLineEndings(" ")})",
                exception);
        }
    }

    /// <summary>Finds the largest window that the graph accepts, which is the number of its position embeddings.</summary>
    /// <param name="id">An id of the vocabulary.</param>
    public int ProbeWindow(int id)
    {
        int works = 2, fails = 4097;
        using var run = new TerminableRun(CancellationToken.None);
        while (fails - works > 1)
        {
            int middle = (works + fails) / 2;
            var ids = new long[middle];
            Array.Fill(ids, id);
            try
            {
                Run(ids, 0, run);
                works = middle;
            }
            catch (ModelException)
            {
                fails = middle;
            }
        }
        return works;
    }

    public void Dispose() => Graph.Dispose();

    private static Tensor First(Tensor all, int rows) => new(all.Values[..(all.Values.Length / rows)], [1, .. all.Shape.Skip(1)]);

    /// <summary>Returns the largest number behind a beginning of outputs' names; 0 without one.</summary>
    private int LastOf(string beginning) => Graph.Outputs.Where(output => output.Name.StartsWith(beginning, StringComparison.Ordinal))
        .Select(output => int.TryParse(output.Name.AsSpan(beginning.Length), CultureInfo.InvariantCulture, out int layer) ? layer : 0)
        .Append(0).Max();

    private ModelException Lacks(string output) =>
        new(
            $"{Graph.File} is not a text encoder of this kind: it has no output {output}, only "
                + $"{string.Join(", ", Graph.Outputs.Select(known => known.Name))}");
}
