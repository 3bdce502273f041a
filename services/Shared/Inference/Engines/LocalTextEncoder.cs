using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Inference.Prompts;
using Brownian.Inference.Sessions;
using Brownian.Models.Plans;
using Brownian.Requests.Prompts;
using Brownian.Tokenizers;

namespace Brownian.Inference.Engines;

/// <summary>A model's CLIP text encoders in this process: one, or XL's two, whose embeddings are concatenated along the width.</summary>
public sealed class LocalTextEncoder : ILocalTextEncoder
{
    private readonly EngineThread _thread = new("text-encoder");
    private readonly IReadOnlyList<(ClipTokenizer Tokenizer, ClipTextGraph Graph, int Window)> _encoders;
    private readonly Lazy<PromptChunker>[] _chunkers;
    private readonly bool _isMasked;

    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="graph">The encoder's graph; disposed with this object.</param>
    /// <exception cref="ModelException">The graph is not a CLIP text encoder.</exception>
    public LocalTextEncoder(ClipTokenizer tokenizer, OnnxGraph graph)
        : this([(tokenizer, graph)], isXl: false)
    {
    }

    /// <param name="encoders">Tokenizers and graphs in order; the graphs are disposed with this object.</param>
    /// <param name="isXl">Whether the denoiser receives the layer before the last one, and the last encoder's pooled embedding.</param>
    /// <param name="adapters">The key of the adapters that are merged into the graphs; empty for the model's own graphs.</param>
    /// <param name="isMasked">Whether the denoiser also receives a pooled embedding and the padding mask (unCLIP).</param>
    /// <exception cref="ModelException">A graph is not a CLIP text encoder, or lacks an output that XL needs.</exception>
    public LocalTextEncoder(
        IReadOnlyList<(ClipTokenizer Tokenizer, OnnxGraph Graph)> encoders, bool isXl, string adapters = "", bool isMasked = false)
    {
        Adapters = adapters;
        _isMasked = isMasked;
        IsXl = isXl;
        _encoders =
        [
            .. encoders.Select((encoder, i) =>
            {
                var graph = new ClipTextGraph(encoder.Graph, isXl, pooled: isMasked || (isXl && i == encoders.Count - 1));
                return (encoder.Tokenizer, graph, graph.FixedWindow ?? encoder.Tokenizer.Window ?? graph.ProbeWindow(encoder.Tokenizer.EndId));
            }),
        ];
        _chunkers = [.. _encoders.Select(encoder => new Lazy<PromptChunker>(() => new PromptChunker(encoder.Tokenizer, encoder.Window)))];
    }

    /// <summary>The number of ids that the (first) encoder receives.</summary>
    public int Window => _encoders[0].Window;

    /// <summary>The key of the adapters that are merged into the graphs; empty for the model's own graphs.</summary>
    public string Adapters { get; }

    /// <summary>Whether the embeddings are XL's.</summary>
    public bool IsXl { get; }

    /// <summary>The largest number of layers that <see cref="TextPrompt.ClipSkip"/> can leave out.</summary>
    public int MaxClipSkip => _encoders.Min(encoder => encoder.Graph.MaxClipSkip);

    /// <summary>Returns the token ids of a prompt.</summary>
    public TokenizedPrompt Tokenize(TextPrompt prompt)
    {
        string?[] cuts = new string?[_encoders.Count];
        IReadOnlyList<PromptChunk>[] chunks = [.. _encoders.Select((encoder, i) => Split(i, prompt, out cuts[i]))];
        int most = Math.Max(prompt.Chunks, chunks.Max(own => own.Count));
        for (int i = 0; i < chunks.Length; i++)
        {
            if (chunks[i].Count < most)
            {
                chunks[i] = [.. chunks[i], .. Enumerable.Repeat(_chunkers[i].Value.Empty, most - chunks[i].Count)];
            }
        }
        bool isWeighted = chunks.Any(own => own.Any(chunk => chunk.Weights.Any(weight => weight != 1)));
        return new TokenizedPrompt(
            [.. chunks.Select(own => own.SelectMany(chunk => chunk.Ids).ToArray())], cuts.FirstOrDefault(cut => cut is not null), prompt.ClipSkip)
        {
            Chunks = most,
            // The pad token equals the end token, so only the length distinguishes them.
            Tokens = _isMasked ? [Math.Min(_encoders[0].Tokenizer.Encode(prompt.Text).Count, Window)] : [],
            Weights = isWeighted ? [.. chunks.Select(own => own.SelectMany(chunk => chunk.Weights).ToArray())] : null,
        };
    }

    /// <inheritdoc/>
    public async Task<TextEncoding> EncodeAsync(TextPrompt prompt, CancellationToken cancellationToken)
    {
        TokenizedPrompt tokenized = Tokenize(prompt);
        return new TextEncoding(await EncodeAsync(tokenized, cancellationToken).ConfigureAwait(false), tokenized);
    }

    /// <summary>Encodes the result of <see cref="Tokenize"/>.</summary>
    /// <param name="prompt">The prompt, with as many ids as each window.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <exception cref="ModelException">The graphs failed, or do not output the requested layer.</exception>
    public Task<TextFeatures> EncodeAsync(TokenizedPrompt prompt, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            TextFeatures[] features = [.. _encoders.Select((_, i) => Encode(i, prompt, run))];
            if (_isMasked)
            {
                return features[0] with
                {
                    Mask = new Tensor([.. Enumerable.Range(0, Window).Select(token => token < prompt.Tokens[0] ? 1f : 0f)], [1, Window])
                };
            }
            return features is [var only] ? only : new TextFeatures(SideBySide([.. features.Select(one => one.Embedding)]), features[^1].Pooled);
        },
        cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        foreach ((_, ClipTextGraph graph, _) in _encoders)
        {
            graph.Dispose();
        }
    }

    /// <summary>Splits a prompt into chunks of one encoder.</summary>
    private IReadOnlyList<PromptChunk> Split(int encoder, TextPrompt prompt, out string? cut)
    {
        (ClipTokenizer tokenizer, _, int window) = _encoders[encoder];
        // A model with only the second encoder uses the second prompt.
        bool isSecond = encoder > 0 || (IsXl && _encoders.Count == 1);
        string text = isSecond ? prompt.Second ?? prompt.Text : prompt.Text;
        cut = null;
        if (prompt is { Syntax: PromptSyntax.Plain, IsLong: false })
        {
            (long[] ids, cut) = tokenizer.EncodeWindow(text, window);
            return [new PromptChunk(ids, [.. Enumerable.Repeat(1f, ids.Length)], ids.Length)];
        }
        PromptChunker chunker = _chunkers[encoder].Value;
        IReadOnlyList<PromptChunk> all = prompt.Syntax == PromptSyntax.Plain ? chunker.Split(text) : chunker.Split(PromptAttention.Parse(text));
        if (prompt.IsLong)
        {
            return all;
        }
        (PromptChunk first, cut) = chunker.Truncate(all);
        return [first];
    }

    /// <summary>
    /// Encodes one encoder's chunks, weights them and concatenates them along the token axis. The pooled embedding is that of the first chunk.
    /// </summary>
    private TextFeatures Encode(int encoder, TokenizedPrompt prompt, TerminableRun run)
    {
        (_, ClipTextGraph graph, int window) = _encoders[encoder];
        var embeddings = new List<Tensor>();
        Tensor? pooled = null;
        for (int chunk = 0; chunk < prompt.Chunks; chunk++)
        {
            TextFeatures features = graph.Run(prompt.Ids[encoder].AsSpan(chunk * window, window), prompt.ClipSkip, run);
            pooled ??= features.Pooled;
            embeddings.Add(prompt.Weights is { } weights
                ? Emphasis.Apply(
                    features.Embedding, weights[encoder][(chunk * window)..((chunk + 1) * window)],
                    IsXl
                        ? EmphasisKind.NoNorm
                        : EmphasisKind.Original)
                : features.Embedding);
        }
        return embeddings is [var only]
            ? new TextFeatures(only, pooled)
            : new TextFeatures(
                new Tensor([.. embeddings.SelectMany(embedding => embedding.Values)], [1, window * prompt.Chunks, embeddings[0].Shape[2]]), pooled);
    }

    private static Tensor SideBySide(Tensor[] embeddings)
    {
        int tokens = embeddings[0].Shape[1], width = embeddings.Sum(embedding => embedding.Shape[2]);
        if (embeddings.Any(embedding => embedding.Shape[1] != tokens))
        {
            throw new ModelException(
                $"The text encoders give {string.Join(" and ", embeddings.Select(embedding => embedding.Shape[1]))} tokens; the "
                    + $"denoiser needs the same number of both");
        }
        var values = new float[tokens * width];
        int column = 0;
        foreach (Tensor embedding in embeddings)
        {
            int own = embedding.Shape[2];
            for (int token = 0; token < tokens; token++)
            {
                embedding.Values.AsSpan(token * own, own).CopyTo(values.AsSpan(token * width + column));
            }
            column += own;
        }
        return new Tensor(values, [1, tokens, width]);
    }
}
