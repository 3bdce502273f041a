using Brownian.Inference.Models;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tensors;
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

    /// <summary>The ids that a prompt becomes, as many as <see cref="Window"/>, and the text beyond it, or null.</summary>
    public (long[] Ids, string? Cut) Tokenize(string prompt) => _tokenizer.EncodeWindow(prompt, Window);

    /// <inheritdoc/>
    public async Task<TextEncoding> EncodeAsync(string prompt, CancellationToken cancellationToken)
    {
        (long[] ids, string? cut) = Tokenize(prompt);
        return new TextEncoding(await EncodeAsync(ids, cancellationToken).ConfigureAwait(false), ids, cut);
    }

    /// <summary>Encodes what <see cref="Tokenize"/> gave.</summary>
    /// <param name="ids">As many as <see cref="Window"/>.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <returns>[1, tokens, width].</returns>
    public Task<Tensor> EncodeAsync(long[] ids, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            return _graph.Run(ids, run);
        },
        cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _graph.Dispose();
    }
}
