using Brownian.Inference.Models;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tensors;
using Brownian.Inference.Tokenizers;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>A CLIP text encoder in this process.</summary>
public sealed class LocalTextEncoder : ITextEncoder, IDisposable
{
    private readonly EngineThread _thread = new("text-encoder");
    private readonly ClipTokenizer _tokenizer;
    private readonly OnnxGraph _graph;
    private readonly GraphTensor _ids;
    private readonly string _output;

    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="graph">The encoder's graph; disposed with this object.</param>
    /// <exception cref="ModelException">The graph is no CLIP text encoder, or has fewer embeddings than the tokenizer has tokens.</exception>
    public LocalTextEncoder(ClipTokenizer tokenizer, OnnxGraph graph)
    {
        _tokenizer = tokenizer;
        _graph = graph;
        _ids = graph.FindInput("input_ids") is { Dtype: TensorDtype.Int64 or TensorDtype.Int32 } ids
            ? ids
            : throw new ModelException($"{graph.File} is no text encoder: it has no input input_ids of int64 or int32");
        _output = graph.FindOutput("last_hidden_state")?.Name
            ?? throw new ModelException($"{graph.File} is no text encoder: it has no output last_hidden_state, only {string.Join(", ", graph.Outputs.Select(output => output.Name))}");
        Window = _ids.Fixed(1) ?? tokenizer.Window ?? ProbeWindow();
    }

    /// <summary>The number of ids that the encoder is given.</summary>
    public int Window { get; }

    /// <summary>Which inputs and outputs the graph has.</summary>
    public OnnxGraph Graph => _graph;

    /// <inheritdoc/>
    public Task<TextEncoding> EncodeAsync(string prompt, CancellationToken cancellationToken)
    {
        (long[] ids, string? cut) = _tokenizer.EncodeWindow(prompt, Window);
        return _thread.RunAsync(
            () =>
            {
                using var terminable = new TerminableRun(cancellationToken);
                return new TextEncoding(Run(ids, terminable), ids, cut);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _graph.Dispose();
    }

    private Tensor Run(long[] ids, TerminableRun run)
    {
        int rows = _ids.Fixed(0) ?? 1;
        using var input = new BoundTensor(_ids.Dtype, rows, ids.Length);
        input.SetIds([.. Enumerable.Repeat(ids, rows).SelectMany(row => row)]);
        try
        {
            using IDisposableReadOnlyCollection<OrtValue> outputs = run.Execute(options => _graph.Session.Run(options, [_ids.Name], [input.Value], [_output]));
            Tensor all = outputs[0].ToTensor();
            int length = all.Values.Length / rows;
            return new Tensor(all.Values[..length], [1, .. all.Shape.Skip(1)]);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{_graph.File} failed on {ids.Length} tokens with ids up to {ids.Max()}: does the tokenizer folder belong to this model? ({exception.Message.ReplaceLineEndings(" ")})",
                exception);
        }
    }

    /// <summary>The largest window that runs: position embeddings have so many rows and no more.</summary>
    private int ProbeWindow()
    {
        int works = 2, fails = 4097;
        using var run = new TerminableRun(CancellationToken.None);
        while (fails - works > 1)
        {
            int middle = (works + fails) / 2;
            var ids = new long[middle];
            Array.Fill(ids, _tokenizer.EndId);
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
}
