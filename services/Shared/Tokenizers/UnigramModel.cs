namespace Brownian.Tokenizers;

/// <summary>
/// Finds a unigram language model's most likely split of a word (Kudo 2018, "Subword Regularization", equation 3) with the Viterbi algorithm. Ties
/// are resolved like in huggingface's <c>tokenizers/src/models/unigram/model.rs: encode_optimized</c>: of equal paths to a position, the one with the
/// longest last piece wins. Thread-safe.
/// </summary>
internal sealed class UnigramModel
{
    private const double UnknownPenalty = 10;
    private const int None = -1;

    private readonly double[] _scores;
    private readonly int _unknownId;
    private readonly double _unknownScore;
    private readonly Dictionary<long, int> _next;
    private readonly int[] _pieces;

    /// <param name="pieces">
    /// The pieces' texts and the logarithms of their probabilities; their indexes are their ids. Of equal texts the last one is used.
    /// </param>
    /// <param name="unknownId">The id of characters that no piece contains.</param>
    public UnigramModel(IReadOnlyList<(string Text, double Score)> pieces, int unknownId)
    {
        _unknownId = unknownId;
        _scores = [.. pieces.Select(piece => piece.Score)];
        _unknownScore = _scores.Min() - UnknownPenalty;
        _next = new Dictionary<long, int>(pieces.Count * 3);
        var ends = new List<int>(pieces.Count * 3) { None };
        for (int id = 0; id < pieces.Count; id++)
        {
            int node = 0;
            foreach (char letter in pieces[id].Text)
            {
                long edge = Edge(node, letter);
                if (!_next.TryGetValue(edge, out node))
                {
                    node = ends.Count;
                    _next.Add(edge, node);
                    ends.Add(None);
                }
            }
            ends[node] = id;
        }
        _pieces = [.. ends];
    }

    /// <summary>Splits a word.</summary>
    /// <param name="word">The word, without lone surrogates.</param>
    /// <param name="offset">The word's position in the text.</param>
    /// <param name="path">A working buffer, which is reused for the next word.</param>
    /// <param name="pieces">Receives the ids and the end of each piece in the text; adjacent unknown characters are one piece.</param>
    public void Split(ReadOnlySpan<char> word, int offset, ref Step[] path, List<T5Tokenizer.Piece> pieces)
    {
        if (path.Length <= word.Length)
        {
            path = new Step[Math.Max(word.Length + 1, 2 * path.Length)];
        }
        Span<Step> best = path.AsSpan(0, word.Length + 1);
        best.Fill(new Step(None, None, 0));
        for (int start = 0, width; start < word.Length; start += width)
        {
            width = char.IsHighSurrogate(word[start]) ? 2 : 1;
            double score = best[start].Score;
            bool isKnown = false;
            int node = 0;
            for (int end = start; end < word.Length && _next.TryGetValue(Edge(node, word[end]), out node);)
            {
                end++;
                if (_pieces[node] is var id && id != None)
                {
                    Reach(ref best[end], start, id, score + _scores[id]);
                    isKnown |= end == start + width;
                }
            }
            if (!isKnown)
            {
                Reach(ref best[start + width], start, _unknownId, score + _unknownScore);
            }
        }

        int first = pieces.Count;
        for (int end = word.Length; end > 0; end = best[end].Start)
        {
            if (best[end].Id != _unknownId || pieces.Count == first || pieces[^1].Id != _unknownId)
            {
                pieces.Add(new T5Tokenizer.Piece(best[end].Id, offset + end));
            }
        }
        pieces.Reverse(first, pieces.Count - first);
    }

    private static void Reach(ref Step step, int start, int id, double score)
    {
        if (step.Start == None || score > step.Score)
        {
            step = new Step(start, id, score);
        }
    }

    private static long Edge(int node, char letter) => ((long)node << 16) | letter;

    /// <summary>The last piece of the best path to a position.</summary>
    /// <param name="Start">The start of the piece.</param>
    /// <param name="Id">Its id.</param>
    /// <param name="Score">The score of the whole path.</param>
    internal readonly record struct Step(int Start, int Id, double Score);
}
