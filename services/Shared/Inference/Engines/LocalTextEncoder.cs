using Brownian.Inference.Models;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tokenizers;

namespace Brownian.Inference.Engines;

/// <summary>A CLIP text encoder in this process.</summary>
public sealed class LocalTextEncoder : ITextEncoder, IDisposable
{
    private readonly EngineThread _thread = new("text-encoder");
    private readonly ClipTokenizer _tokenizer;
    private readonly ClipTextGraph _graph;

    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="graph">The encoder's graph; disposed with this object.</param>
    /// <exception cref="ModelException">The graph is no CLIP text encoder.</exception>
    public LocalTextEncoder(ClipTokenizer tokenizer, OnnxGraph graph)
    {
        _tokenizer = tokenizer;
        _graph = new ClipTextGraph(graph);
        Window = _graph.FixedWindow ?? tokenizer.Window ?? _graph.ProbeWindow(tokenizer.EndId);
    }

    /// <summary>The number of ids that the encoder is given.</summary>
    public int Window { get; }

    /// <inheritdoc/>
    public Task<TextEncoding> EncodeAsync(string prompt, CancellationToken cancellationToken)
    {
        (long[] ids, string? cut) = _tokenizer.EncodeWindow(prompt, Window);
        return _thread.RunAsync(
            () =>
            {
                using var run = new TerminableRun(cancellationToken);
                return new TextEncoding(_graph.Run(ids, run), ids, cut);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _graph.Dispose();
    }
}
