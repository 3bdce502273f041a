using Brownian.Requests.Prompts;
using Brownian.Tokenizers;

namespace Brownian.Inference.Prompts;

/// <summary>
/// Splits prompts of any length into windows of a text encoder as AUTOMATIC1111 does (<c>tokenize_line</c> in stable-diffusion-webui's
/// <c>modules/sd_hijack_clip.py</c>). A chunk contains the window's ids without start and end, 75 for CLIP. A full chunk with a comma among its last
/// 20 ids ends at that comma, and the following words move to the next chunk. Chunks are encoded separately, and their embeddings are concatenated
/// along the token axis. Safe for concurrent use.
/// </summary>
/// <remarks>
/// Padding follows the chunk's own end. When a prompt contains the end token as text and the pad token differs from it, the original also pads over
/// the text after that token.
/// </remarks>
public sealed class PromptChunker
{
    /// <summary>The number of last ids in which a comma ends a chunk: the original's setting <c>comma_padding_backtrack</c>.</summary>
    public const int CommaReach = 20;

    private readonly ClipTokenizer _tokenizer;
    private readonly int? _comma;

    /// <param name="tokenizer">The encoder's tokenizer.</param>
    /// <param name="window">The number of ids that the encoder takes, at least 3.</param>
    public PromptChunker(ClipTokenizer tokenizer, int window)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 3);
        _tokenizer = tokenizer;
        Window = window;
        _comma = tokenizer.Encode(",") is [_, int comma, _] ? comma : null;
        Empty = Close([]);
    }

    /// <summary>The number of ids of every chunk.</summary>
    public int Window { get; }

    /// <summary>The empty prompt.</summary>
    public PromptChunk Empty { get; }

    /// <summary>Splits a plain prompt, in which brackets and BREAK have no meaning. Every weight is 1.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    /// <returns>At least one chunk.</returns>
    public IReadOnlyList<PromptChunk> Split(string text) => Split([new WeightedText(text, 1)]);

    /// <summary>Splits a prompt with weights.</summary>
    /// <param name="parts">The result of <see cref="PromptAttention"/>, without lone surrogates. Each piece is tokenized separately.</param>
    /// <returns>At least one chunk. A break ends a chunk even when the chunk is empty, but no chunk follows a break at the end.</returns>
    /// <exception cref="ArgumentException">A weight is beyond a float32's range.</exception>
    public IReadOnlyList<PromptChunk> Split(IReadOnlyList<WeightedText> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        int room = Window - 2;
        var chunks = new List<PromptChunk>();
        var text = new List<(int Id, float Weight)>();
        int lastComma = -1;
        foreach (WeightedText part in parts)
        {
            if (part.IsBreak)
            {
                EndAt(text.Count);
                continue;
            }
            float weight = (float)part.Weight;
            if (!float.IsFinite(weight))
            {
                throw new ArgumentException(
                    $"A weight is {part.Weight.ToString(CultureInfo.InvariantCulture)}; allowed: "
                        + $"{float.MinValue.ToString(CultureInfo.InvariantCulture)} to {float.MaxValue.ToString(CultureInfo.InvariantCulture)}",
                    nameof(parts));
            }
            foreach (int id in _tokenizer.Encode(part.Text).Skip(1).SkipLast(1))
            {
                if (text.Count == room)
                {
                    EndAt(id != _comma && lastComma >= 0 && room - lastComma <= CommaReach ? lastComma + 1 : room);
                }
                if (id == _comma)
                {
                    lastComma = text.Count;
                }
                text.Add((id, weight));
            }
        }
        if (text.Count > 0 || chunks.Count == 0)
        {
            EndAt(text.Count);
        }
        return chunks;

        void EndAt(int count)
        {
            chunks.Add(Close(text[..count]));
            text.RemoveRange(0, count);
            lastComma = -1;
        }
    }

    /// <summary>Truncates a prompt to its first chunk.</summary>
    /// <param name="chunks">The result of <see cref="Split(IReadOnlyList{WeightedText})"/>.</param>
    /// <returns>The first chunk, and the normalized text of the other chunks, or null when they contain no text.</returns>
    public (PromptChunk First, string? Cut) Truncate(IReadOnlyList<PromptChunk> chunks)
    {
        ArgumentNullException.ThrowIfNull(chunks);
        ArgumentOutOfRangeException.ThrowIfZero(chunks.Count);
        int[] cut = [.. chunks.Skip(1).SelectMany(chunk => chunk.Ids.Skip(1).Take(chunk.TextLength)).Select(id => (int)id)];
        return (chunks[0], cut.Length > 0 ? _tokenizer.Decode(cut) : null);
    }

    /// <summary>Pads the prompts of one run, such as the positive and the negative one, with empty chunks to the length of the longest.</summary>
    /// <param name="prompts">The chunks of each prompt.</param>
    /// <returns>The same number of prompts, in the same order, all of one length.</returns>
    public IReadOnlyList<IReadOnlyList<PromptChunk>> Level(params IReadOnlyList<IReadOnlyList<PromptChunk>> prompts)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        int longest = prompts.Select(chunks => chunks.Count).DefaultIfEmpty().Max();
        return [.. prompts.Select(chunks => (IReadOnlyList<PromptChunk>)[.. chunks, .. Enumerable.Repeat(Empty, longest - chunks.Count)])];
    }

    private PromptChunk Close(List<(int Id, float Weight)> text)
    {
        var ids = new long[Window];
        var weights = new float[Window];
        Array.Fill(ids, _tokenizer.PadId);
        Array.Fill(weights, 1);
        ids[0] = _tokenizer.StartId;
        for (int i = 0; i < text.Count; i++)
        {
            (ids[i + 1], weights[i + 1]) = text[i];
        }
        ids[text.Count + 1] = _tokenizer.EndId;
        return new PromptChunk(ids, weights, text.Count);
    }
}
