using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Inference.Prompts;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Tokenizers;

namespace Brownian.Inference.Engines;

/// <summary>CLIP encoders and a T5 encoder in this process whose outputs are combined for one denoiser.</summary>
public sealed class JointTextEncoder : ILocalTextEncoder
{
    private readonly EngineThread _thread = new("text-encoder");
    private readonly IReadOnlyList<(ClipTokenizer Tokenizer, ClipTextGraph Graph, int Window)> _clips;
    private readonly (T5Tokenizer Tokenizer, T5TextGraph Graph)? _t5;
    private readonly TextJoin _join;
    private readonly int _width;
    private readonly int _defaultWindow;

    /// <param name="clips">CLIP encoders in order; the graphs are disposed with this object.</param>
    /// <param name="t5">The T5 encoder; null when the folder has none and zeros replace its tokens. Disposed with this object.</param>
    /// <param name="join">How the outputs are combined for the denoiser.</param>
    /// <param name="width">The width of the denoiser's embeddings.</param>
    /// <param name="defaultWindow">The length of T5's window when a prompt does not state it.</param>
    /// <exception cref="ModelException">A graph is not an encoder of its kind, or lacks an output.</exception>
    public JointTextEncoder(
        IReadOnlyList<(ClipTokenizer Tokenizer, OnnxGraph Graph)> clips, (T5Tokenizer Tokenizer, OnnxGraph Graph)? t5, TextJoin join, int width,
        int defaultWindow)
    {
        (_join, _width, _defaultWindow) = (join, width, defaultWindow);
        _clips =
        [
            .. clips.Select(clip =>
            {
                var graph = new ClipTextGraph(clip.Graph, isXl: join == TextJoin.ClipThenT5, pooled: true);
                return (clip.Tokenizer, graph, graph.FixedWindow ?? clip.Tokenizer.Window ?? graph.ProbeWindow(clip.Tokenizer.EndId));
            }),
        ];
        _t5 = t5 is { } given ? (given.Tokenizer, new T5TextGraph(given.Graph)) : null;
        if (_t5 is null && join != TextJoin.ClipThenT5)
        {
            throw new ModelException("A T5 encoder is missing");
        }
    }

    /// <inheritdoc/>
    public int Window => _clips.Count > 0 ? _clips[0].Window : WindowOf(null);

    /// <inheritdoc/>
    public string Adapters => "";

    /// <inheritdoc/>
    public TokenizedPrompt Tokenize(TextPrompt prompt)
    {
        var ids = new List<long[]>();
        var tokens = new List<int>();
        string? cut = null, unknown = null;
        for (int i = 0; i < _clips.Count; i++)
        {
            (long[] own, string? left) = _clips[i].Tokenizer.EncodeWindow(i == 0 ? prompt.Text : prompt.Second ?? prompt.Text, _clips[i].Window);
            ids.Add(own);
            tokens.Add(own.Length);
            // When T5 reads the whole text, nothing that CLIP truncates is lost.
            cut ??= _t5 is null ? left : null;
        }
        if (_t5 is { } t5)
        {
            string text = _join switch
            {
                TextJoin.ClipThenT5 =>
                    prompt.Third ?? prompt.Text,
                TextJoin.T5WithPooledClip => prompt.Second ?? prompt.Text,
                _ => LowerCase.Of(prompt.Text).Trim()
            };
            T5Window window = t5.Tokenizer.EncodeWindow(text, WindowOf(prompt.Window));
            ids.Add(window.Ids);
            tokens.Add(window.Tokens);
            (cut, unknown) = (window.Cut, window.Unknown);
        }
        return new TokenizedPrompt(ids, cut, prompt.ClipSkip) { Tokens = tokens, Window = WindowOf(prompt.Window), Unknown = unknown };
    }

    /// <inheritdoc/>
    public async Task<TextEncoding> EncodeAsync(TextPrompt prompt, CancellationToken cancellationToken)
    {
        TokenizedPrompt tokenized = Tokenize(prompt);
        return new TextEncoding(await EncodeAsync(tokenized, cancellationToken).ConfigureAwait(false), tokenized);
    }

    /// <inheritdoc/>
    public Task<TextFeatures> EncodeAsync(TokenizedPrompt prompt, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            TextFeatures[] clips = [.. _clips.Select((clip, i) => clip.Graph.Run(prompt.Ids[i], prompt.ClipSkip, run))];
            Tensor? t5 = _t5?.Graph.Run(prompt.Ids[^1], prompt.Tokens[^1], run);
            Tensor? pooled = clips.Length == 0
                ? null
                : new Tensor([.. clips.SelectMany(clip => clip.Pooled!.Values)], [1, clips.Sum(clip => clip.Pooled!.Shape[1])]);
            return _join == TextJoin.ClipThenT5
                ? new TextFeatures(OneAfterTheOther(clips, t5, prompt.Window!.Value), pooled)
                : new TextFeatures(t5!, pooled);
        },
        cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        foreach ((_, ClipTextGraph graph, _) in _clips)
        {
            graph.Dispose();
        }
        _t5?.Graph.Dispose();
    }

    private int WindowOf(int? requested) => _t5?.Graph.FixedWindow ?? requested ?? _defaultWindow;

    /// <summary>Returns CLIP's tokens, padded with zeros to the denoiser's width, then T5's tokens, or zeros.</summary>
    private Tensor OneAfterTheOther(TextFeatures[] clips, Tensor? t5, int window)
    {
        int tokens = clips[0].Embedding.Shape[1], all = tokens + window;
        if (clips.Any(clip => clip.Embedding.Shape[1] != tokens))
        {
            throw new ModelException(
                $"The text encoders give {string.Join(" and ", clips.Select(clip => clip.Embedding.Shape[1]))} tokens; "
                    + $"the denoiser needs the same number of all");
        }
        if (clips.Sum(clip => clip.Embedding.Shape[2]) > _width || (t5 is not null && t5.Shape[2] != _width))
        {
            throw new ModelException(
                $"The text encoders give embeddings of width {string.Join(" + ", clips.Select(clip => clip.Embedding.Shape[2]))} and "
                    + $"{t5?.Shape[2]}; the denoiser takes {_width}: the folder mixes two models");
        }
        var values = new float[all * _width];
        int column = 0;
        foreach (TextFeatures clip in clips)
        {
            int own = clip.Embedding.Shape[2];
            for (int token = 0; token < tokens; token++)
            {
                clip.Embedding.Values.AsSpan(token * own, own).CopyTo(values.AsSpan(token * _width + column));
            }
            column += own;
        }
        t5?.Values.CopyTo(values.AsSpan(tokens * _width));
        return new Tensor(values, [1, all, _width]);
    }
}
