using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>A T5 encoder's graph: token ids to embeddings. Some exports also take a padding mask. Not safe for concurrent use.</summary>
internal sealed class T5TextGraph : IDisposable
{
    private readonly GraphTensor _ids;
    private readonly GraphTensor? _mask;
    private readonly string _output;

    /// <exception cref="ModelException">The graph is not a T5 encoder.</exception>
    public T5TextGraph(OnnxGraph graph)
    {
        Graph = graph;
        _ids = graph.FindInput("input_ids") is { Dtype: TensorDtype.Int64 or TensorDtype.Int32 } ids
            ? ids
            : throw new ModelException($"{graph.File} is not a text encoder: it has no input input_ids of int64 or int32");
        _mask = graph.FindInput("attention_mask");
        _output = graph.FindOutput("last_hidden_state")?.Name
            ?? throw new ModelException($"{graph.File} is not a T5 encoder: it has no output last_hidden_state");
    }

    public OnnxGraph Graph { get; }

    /// <summary>The fixed number of ids that the graph accepts, or null.</summary>
    public int? FixedWindow => _ids.Fixed(1);

    /// <summary>Returns the embeddings of token ids.</summary>
    /// <param name="ids">The ids; as many as the window.</param>
    /// <param name="tokens">The number of ids that are not padding.</param>
    /// <param name="run">The means to run the graph.</param>
    /// <returns>[1, ids, width].</returns>
    /// <exception cref="ModelException">The graph failed, for example because of ids beyond its vocabulary.</exception>
    public Tensor Run(ReadOnlySpan<long> ids, int tokens, TerminableRun run)
    {
        int rows = _ids.Fixed(0) ?? 1, length = ids.Length;
        using var input = new BoundTensor(_ids.Dtype, rows, length);
        using BoundTensor? mask = _mask is null ? null : new BoundTensor(_mask.Dtype, rows, length);
        for (int row = 0; row < rows; row++)
        {
            input.SetIds(row * length, ids);
            mask?.Values.Slice(row * length, tokens).Fill(1);
        }
        mask?.Push();
        try
        {
            using IDisposableReadOnlyCollection<OrtValue> outputs = run.Execute(options => mask is null
                ? Graph.Session.Run(options, [_ids.Name], [input.Value], [_output])
                : Graph.Session.Run(options, [_ids.Name, _mask!.Name], [input.Value, mask.Value], [_output]));
            Tensor all = outputs[0].ToTensor();
            return new Tensor(all.Values[..(all.Values.Length / rows)], [1, .. all.Shape.Skip(1)]);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{Graph.File} failed on {length} tokens: do the tokenizer's files belong to this model? "
                    + $"({exception.Message.ReplaceLineEndings(" ")})",
                exception);
        }
    }

    public void Dispose() => Graph.Dispose();
}
