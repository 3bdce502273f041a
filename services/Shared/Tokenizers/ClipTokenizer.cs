using System.Text;
using Brownian.Formats.Files;
using Microsoft.ML.Tokenizers;

namespace Brownian.Tokenizers;

/// <summary>
/// CLIP's byte-level BPE tokenizer with the ids of transformers' <c>CLIPTokenizerFast</c>: NFC, white space collapsed, lower case, split into words,
/// single digits and runs of other characters, each word's UTF-8 bytes merged by rank with <c>&lt;/w&gt;</c> on the last. Thread-safe.
/// </summary>
public sealed class ClipTokenizer
{
    private const string EndOfWord = "</w>";

    private readonly BpeTokenizer _bpe;
    private readonly AddedToken[] _rawTokens;
    private readonly AddedToken[] _normalisedTokens;
    private readonly AddedToken[] _promptTokens;
    private readonly IReadOnlyDictionary<string, int> _vocabulary;
    private readonly Dictionary<int, string> _pieces;

    /// <param name="files">The contents of the folder.</param>
    internal ClipTokenizer(ClipTokenizerFiles files)
    {
        Window = files.Window;
        StartId = files.StartId;
        EndId = files.EndId;
        PadId = files.PadId;
        _rawTokens = [.. files.AddedTokens.Where(token => !token.IsNormalised)];
        _normalisedTokens =
            [.. files.AddedTokens.Where(token => token.IsNormalised).Select(token => token with { Content = Normalise(token.Content) })];
        _promptTokens = [];
        _vocabulary = files.Vocabulary;
        NextId = files.Vocabulary.Values.Max() + 1;
        _pieces = files.Vocabulary.GroupBy(entry => entry.Value).ToDictionary(group => group.Key, group => group.First().Key);
        _bpe = BpeTokenizer.Create(new BpeOptions(files.Vocabulary)
        {
            Merges = files.Merges,
            ByteLevel = true,
            EndOfWordSuffix = EndOfWord,
            UnknownToken = files.UnknownToken,
            FuseUnknownTokens = false,
            PreTokenizer = new WholeWord(),
        });
    }

    private ClipTokenizer(ClipTokenizer other, IReadOnlyList<AddedToken> added)
    {
        Window = other.Window;
        StartId = other.StartId;
        EndId = other.EndId;
        PadId = other.PadId;
        NextId = added[^1].Id + 1;
        _bpe = other._bpe;
        _rawTokens = other._rawTokens;
        _normalisedTokens = [.. other._normalisedTokens, .. added.Select(token => token with { Content = Normalise(token.Content) })];
        _promptTokens = [.. other._promptTokens, .. added];
        _vocabulary = other._vocabulary;
        _pieces = other._pieces;
    }

    /// <summary>Reads a tokenizer's folder in either of its formats.</summary>
    /// <param name="folder">The folder with <c>tokenizer.json</c>, or with <c>vocab.json</c> and <c>merges.txt</c>.</param>
    /// <exception cref="ModelException">A file is missing or inconsistent with the others.</exception>
    public static ClipTokenizer Load(string folder)
    {
        try
        {
            return new ClipTokenizer(ClipTokenizerFiles.Read(folder));
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException or ArgumentException)
        {
            throw new ModelException(
                $"The tokenizer's files in {folder} have a value that CLIP's tokenizer does not have: {exception.Message}", exception);
        }
    }

    /// <summary>The number of ids of the text encoder's input, including start and end; null when no file contains it.</summary>
    public int? Window { get; }

    /// <summary>The id before every text.</summary>
    public int StartId { get; }

    /// <summary>The id after every text.</summary>
    public int EndId { get; }

    /// <summary>The id of padding.</summary>
    public int PadId { get; }

    /// <summary>The id of the next added token: one more than the largest.</summary>
    public int NextId { get; }

    /// <summary>
    /// Returns this tokenizer with added tokens for textual inversions, as the reference adds them (diffusers' <c>loaders/textual_inversion.py</c>):
    /// they are found in the normalised text, before it is split, also within words. A token of several vectors is replaced by all its names where
    /// the text has it in exactly the given case; otherwise it represents its first vector only. The vocabulary is shared.
    /// </summary>
    /// <param name="tokens">The tokens, in the order of their ids.</param>
    /// <param name="firstId">
    /// The first id, at least <see cref="NextId"/>; null for that. It is the row of the first vector in the text encoder's table.
    /// </param>
    /// <exception cref="ModelException">A token is already in the vocabulary, or is given twice.</exception>
    public ClipTokenizer WithTokens(IReadOnlyList<PromptToken> tokens, int? firstId = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(firstId ?? NextId, NextId, nameof(firstId));
        if (tokens.Count == 0)
        {
            return this;
        }
        int id = firstId ?? NextId;
        var names = new HashSet<string>(_normalisedTokens.Select(token => token.Content), StringComparer.Ordinal);
        var added = new List<AddedToken>();
        foreach (string name in tokens.SelectMany(token => token.Names))
        {
            if (string.IsNullOrWhiteSpace(name))
            {
                throw new ModelException("A token of a textual inversion is empty");
            }
            if (_vocabulary.ContainsKey(name))
            {
                throw new ModelException($"The token \"{name}\" is in the tokenizer's vocabulary already; give the textual inversion another token");
            }
            if (!names.Add(Normalise(name)))
            {
                throw new ModelException($"The token \"{name}\" is there twice; tokens that differ only in case are the same");
            }
            added.Add(new AddedToken(name, id++, IsNormalised: true));
        }
        return new ClipTokenizer(this, added);
    }

    /// <summary>Returns a text's ids between start and end, without a limit on their number.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int> { StartId };
        foreach ((string part, int? special) in Sections(Expand(text)))
        {
            if (special is { } found)
            {
                ids.Add(found);
                continue;
            }
            foreach (string word in ClipPreTokenizer.Split(part))
            {
                ids.AddRange(_bpe.EncodeToIds(word));
            }
        }
        ids.Add(EndId);
        return ids;
    }

    /// <summary>Returns a text's ids for a window: truncated with the end id last, or padded with <see cref="PadId"/>.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    /// <param name="window">The number of ids, at least 2.</param>
    /// <returns>The ids, and the text of the truncated ones, or null.</returns>
    public (long[] Ids, string? Cut) EncodeWindow(string text, int window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 2);
        IReadOnlyList<int> all = Encode(text);
        var ids = new long[window];
        Array.Fill(ids, PadId);
        if (all.Count <= window)
        {
            for (int i = 0; i < all.Count; i++)
            {
                ids[i] = all[i];
            }
            return (ids, null);
        }
        for (int i = 0; i < window - 1; i++)
        {
            ids[i] = all[i];
        }
        ids[^1] = EndId;
        return (ids, Decode(all.Skip(window - 1).SkipLast(1)));
    }

    /// <summary>Returns the text of ids, as far as normalisation preserved it.</summary>
    /// <param name="ids">Ids of the vocabulary; others are ignored.</param>
    public string Decode(IEnumerable<int> ids)
    {
        var bytes = new List<byte>();
        foreach (int id in ids)
        {
            if (!_pieces.TryGetValue(id, out string? piece))
            {
                if (Array.Find(_promptTokens, token => token.Id == id) is { } added)
                {
                    bytes.AddRange(Encoding.UTF8.GetBytes(added.Content + " "));
                }
                continue;
            }
            bool ends = piece.EndsWith(EndOfWord, StringComparison.Ordinal);
            string letters = ends ? piece[..^EndOfWord.Length] : piece;
            bytes.AddRange(letters.All(ByteLevelAlphabet.Contains) ? letters.Select(ByteLevelAlphabet.ByteOf) : Encoding.UTF8.GetBytes(letters));
            if (ends)
            {
                bytes.Add((byte)' ');
            }
        }
        return Encoding.UTF8.GetString([.. bytes]).TrimEnd();
    }

    /// <summary>Replaces the first name of a token of several vectors by all its names.</summary>
    private string Expand(string text)
    {
        if (_promptTokens.Length == 0)
        {
            return text;
        }
        HashSet<int> found = [.. Sections(text).Select(section => section.Id).OfType<int>()];
        foreach (AddedToken token in _promptTokens.Where(token => found.Contains(token.Id)))
        {
            IEnumerable<string> further = Enumerable.Range(1, _promptTokens.Length)
                .Select(vector => string.Create(CultureInfo.InvariantCulture, $"{token.Content}_{vector}"))
                .TakeWhile(name => Array.Exists(_promptTokens, other => other.Content == name));
            text = text.Replace(token.Content, string.Join(' ', further.Prepend(token.Content)), StringComparison.Ordinal);
        }
        return text;
    }

    /// <summary>
    /// Splits a text at its tokens: first those that are matched in the original text, then, in the normalised text between them, the others.
    /// </summary>
    private IEnumerable<(string Text, int? Id)> Sections(string text)
    {
        foreach ((string section, int? id) in SplitAt(text, _rawTokens))
        {
            if (id is not null)
            {
                yield return (section, id);
                continue;
            }
            foreach ((string Text, int? Id) part in SplitAt(Normalise(section), _normalisedTokens))
            {
                yield return part;
            }
        }
    }

    private static string Normalise(string text)
    {
        text = UnicodeForm.Compose(text);
        var normalised = new StringBuilder(text.Length);
        bool inSpace = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool space = Rune.IsWhiteSpace(rune);
            if (space)
            {
                if (!inSpace)
                {
                    normalised.Append(' ');
                }
            }
            else if (rune.Value == 0x130)
            {
                // The only character whose lower case has two characters in every locale (Unicode SpecialCasing.txt).
                normalised.Append("i\u0307");
            }
            else
            {
                normalised.Append(Rune.ToLowerInvariant(rune).ToString());
            }
            inSpace = space;
        }
        return normalised.ToString();
    }

    /// <summary>Splits a text at the tokens in it, the leftmost first and the longest of those.</summary>
    private static IEnumerable<(string Text, int? Id)> SplitAt(string text, AddedToken[] tokens)
    {
        int start = 0;
        while (start < text.Length)
        {
            int at = text.Length;
            AddedToken? found = null;
            foreach (AddedToken token in tokens)
            {
                int index = text.IndexOf(token.Content, start, StringComparison.Ordinal);
                if (index >= 0 && (index < at || (index == at && token.Content.Length > found!.Content.Length)))
                {
                    at = index;
                    found = token;
                }
            }
            if (at > start)
            {
                yield return (text[start..at], null);
            }
            if (found is null)
            {
                yield break;
            }
            yield return (found.Content, found.Id);
            start = at + found.Content.Length;
        }
    }

    /// <summary>Keeps the words of <see cref="ClipPreTokenizer"/>, which the library's default would split again by another pattern.</summary>
    private sealed class WholeWord : PreTokenizer
    {
        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => [(0, text.Length)];

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => [(0, text.Length)];
    }

    /// <summary>A token that is matched in the text before it is split into words.</summary>
    /// <param name="Content">Its text.</param>
    /// <param name="Id">Its id.</param>
    /// <param name="IsNormalised">Whether it is matched in the normalised text, so that its case does not matter.</param>
    internal sealed record AddedToken(string Content, int Id, bool IsNormalised);
}
