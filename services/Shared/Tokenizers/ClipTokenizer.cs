using System.Text;
using Brownian.Formats.Files;
using Microsoft.ML.Tokenizers;

namespace Brownian.Tokenizers;

/// <summary>
/// CLIP's byte-level BPE with the ids of transformers' <c>CLIPTokenizerFast</c>: NFC, white space collapsed, lower case, split into words,
/// single digits and runs of other characters, each word's UTF-8 bytes merged by rank with <c>&lt;/w&gt;</c> on the last.
/// Safe for use by several threads.
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

    /// <param name="files">What was read from the folder.</param>
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

    /// <summary>Reads a tokenizer's folder in either of its forms.</summary>
    /// <param name="folder">Holds <c>tokenizer.json</c>, or <c>vocab.json</c> and <c>merges.txt</c>.</param>
    /// <exception cref="ModelException">A file is missing or does not fit the others.</exception>
    public static ClipTokenizer Load(string folder)
    {
        try
        {
            return new ClipTokenizer(ClipTokenizerFiles.Read(folder));
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException or ArgumentException)
        {
            throw new ModelException($"The tokenizer's files in {folder} have a value that is not what CLIP's have: {exception.Message}", exception);
        }
    }

    /// <summary>The number of ids that the text encoder takes, start and end included; null where no file says it.</summary>
    public int? Window { get; }

    /// <summary>The id before every text.</summary>
    public int StartId { get; }

    /// <summary>The id after every text.</summary>
    public int EndId { get; }

    /// <summary>The id that fills the window.</summary>
    public int PadId { get; }

    /// <summary>The id that the next added token gets: one more than the largest.</summary>
    public int NextId { get; }

    /// <summary>
    /// This tokenizer with tokens of its own for textual inversions, as the reference adds them (diffusers' <c>loaders/textual_inversion.py</c>):
    /// they are found in the normalised text, before it is split, within words too; a token of several vectors is replaced by all its names
    /// where the text has it in the very case it was given in, and stands for its first vector where it does not. The vocabulary is shared.
    /// </summary>
    /// <param name="tokens">The tokens, in the order of their ids.</param>
    /// <param name="firstId">The first id, at least <see cref="NextId"/>; null for that. The row that the vectors begin at in the text encoder's
    /// table.</param>
    /// <exception cref="ModelException">A token is in the vocabulary already, or is given twice.</exception>
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
                throw new ModelException($"The token \"{name}\" is there twice; case does not tell tokens apart");
            }
            added.Add(new AddedToken(name, id++, IsNormalised: true));
        }
        return new ClipTokenizer(this, added);
    }

    /// <summary>A text's ids between start and end, as many as it takes.</summary>
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

    /// <summary>A text's ids for a window: cut to fit with the end kept last, or filled with <see cref="PadId"/>.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    /// <param name="window">The number of ids, at least 2.</param>
    /// <returns>The ids, and the text of those that were cut, or null.</returns>
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

    /// <summary>The text of some ids, as far as normalisation left it.</summary>
    /// <param name="ids">Ids of the vocabulary; others are left out.</param>
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

    /// <summary>Writes all names of a token of several vectors where the text has the first.</summary>
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

    /// <summary>Cuts a text at its tokens: those that are found as they are written, then, in the normalised text between them, the others.</summary>
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
                // The one character whose lower case is two characters everywhere (Unicode SpecialCasing.txt).
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

    /// <summary>Cuts a text at the tokens it contains, the leftmost first and of those the longest.</summary>
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

    /// <summary>Keeps what <see cref="ClipPreTokenizer"/> split: the library's default would split it again, by another pattern.</summary>
    private sealed class WholeWord : PreTokenizer
    {
        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => [(0, text.Length)];

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => [(0, text.Length)];
    }

    /// <summary>A token that is found in the text before it is split into words.</summary>
    /// <param name="Content">Its text.</param>
    /// <param name="Id">Its id.</param>
    /// <param name="IsNormalised">Whether it is looked for in the normalised text, so that its case does not matter.</param>
    internal sealed record AddedToken(string Content, int Id, bool IsNormalised);
}
