using Brownian.Inference.Models;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>A CLIP text encoder's graph: token ids to embeddings. Used by one thread at a time.</summary>
internal sealed class ClipTextGraph : IDisposable
{
    private readonly GraphTensor _ids;
    private readonly string _output;

    /// <exception cref="ModelException">The graph is no CLIP text encoder.</exception>
    public ClipTextGraph(OnnxGraph graph)
    {
        Graph = graph;
        _ids = graph.FindInput("input_ids") is { Dtype: TensorDtype.Int64 or TensorDtype.Int32 } ids
            ? ids
            : throw new ModelException($"{graph.File} is no text encoder: it has no input input_ids of int64 or int32");
        _output = graph.FindOutput("last_hidden_state")?.Name
            ?? throw new ModelException($"{graph.File} is no text encoder: it has no output last_hidden_state, only {string.Join(", ", graph.Outputs.Select(output => output.Name))}");
    }

    public OnnxGraph Graph { get; }

    /// <summary>The number of ids that the graph fixes, or null.</summary>
    public int? FixedWindow => _ids.Fixed(1);

    /// <summary>Embeddings of some ids.</summary>
    /// <returns>[1, tokens, width].</returns>
    /// <exception cref="ModelException">The graph failed, as it does for ids beyond its vocabulary.</exception>
    public Tensor Run(ReadOnlySpan<long> ids, TerminableRun run)
    {
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
        try
        {
            using IDisposableReadOnlyCollection<OrtValue> outputs = run.Execute(options => Graph.Session.Run(options, [_ids.Name], [input.Value], [_output]));
            Tensor all = outputs[0].ToTensor();
            return new Tensor(all.Values[..(all.Values.Length / rows)], [1, .. all.Shape.Skip(1)]);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{Graph.File} failed on {tokens} tokens with ids up to {largest}: do the tokenizer's files belong to this model? ({exception.Message.ReplaceLineEndings(" ")})",
                exception);
        }
    }

    /// <summary>The largest window that runs: position embeddings have so many rows and no more.</summary>
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
                Run(ids, run);
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
}
