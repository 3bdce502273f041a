using System.Buffers;
using System.Text;
using Brownian.Formats.Files;

namespace Brownian.Tokenizers;

/// <summary>
/// T5's sentencepiece unigram tokenizer with the ids of transformers 5's <c>T5Tokenizer</c> (<c>models/t5/tokenization_t5.py</c>, on
/// huggingface's <c>tokenizers</c>): special tokens are cut out of the text, the rest is rewritten by the model's own rules
/// (<see cref="PrecompiledCharsmap"/>), split at white space, each word led by <c>▁</c> and split into its most likely pieces
/// (<see cref="UnigramModel"/>; Kudo 2018, "Subword Regularization"), and <c>&lt;/s&gt;</c> comes last. Case is kept.
/// Safe for use by several threads.
/// </summary>
public sealed class T5Tokenizer
{
    private const char WordStart = '▁';

    private readonly UnigramModel _model;
    private readonly PrecompiledCharsmap? _charsmap;
    private readonly AddedTokens _rawTokens;
    private readonly AddedTokens _normalisedTokens;

    /// <param name="files">What was read from the folder.</param>
    internal T5Tokenizer(T5TokenizerFiles files)
    {
        Window = files.Window;
        EndId = files.EndId;
        PadId = files.PadId;
        _model = new UnigramModel(files.Pieces, files.UnknownId);
        _charsmap = files.Charsmap;
        _rawTokens = new AddedTokens(files.AddedTokens.Where(token => !token.IsNormalised).Select(token => (token.Content, token.Id)));
        _normalisedTokens = new AddedTokens(
            files.AddedTokens.Where(token => token.IsNormalised).Select(token => (Normalise(token.Content), token.Id))
                .Where(token => token.Item1.Length > 0));
    }

    /// <summary>Reads a tokenizer's folder in either of its forms.</summary>
    /// <param name="folder">Holds <c>tokenizer.json</c> or <c>spiece.model</c>; the first where both are there.</param>
    /// <exception cref="ModelException">A file is missing, damaged or does not fit the others.</exception>
    public static T5Tokenizer Load(string folder)
    {
        try
        {
            return new T5Tokenizer(T5TokenizerFiles.Read(folder));
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException)
        {
            throw new ModelException(
                $"tokenizer_config.json or special_tokens_map.json in {folder} has a value that is not what T5's have: {exception.Message}",
                exception);
        }
    }

    /// <summary>The number of ids that the text encoder was trained with, the end included; null where no file says it.</summary>
    public int? Window { get; }

    /// <summary>The id after every text.</summary>
    public int EndId { get; }

    /// <summary>The id that fills the window.</summary>
    public int PadId { get; }

    /// <summary>A text's ids and the end, as many as it takes.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    /// <returns>The ids, <see cref="EndId"/> last, without padding: <c>[ids]</c>.</returns>
    /// <exception cref="ArgumentException">Half of a surrogate pair stands alone.</exception>
    public long[] Encode(string text) => [.. Split(text).Pieces.Select(piece => (long)piece.Id), EndId];

    /// <summary>A text's ids for a window: cut to fit with the end kept last, or filled with <see cref="PadId"/>.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    /// <param name="window">The number of ids, at least 1.</param>
    /// <returns>
    /// The ids, <c>[window]</c>; how many of them, from the first, are the text's and the end, for which the attention mask is 1; and the
    /// text of those that were cut, as far as normalisation left it, or null.
    /// </returns>
    /// <exception cref="ArgumentException">Half of a surrogate pair stands alone.</exception>
    public (long[] Ids, int Tokens, string? Cut) EncodeWindow(string text, int window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        (string normalised, IReadOnlyList<Piece> pieces) = Split(text);
        int kept = Math.Min(pieces.Count, window - 1);
        var ids = new long[window];
        Array.Fill(ids, PadId);
        for (int i = 0; i < kept; i++)
        {
            ids[i] = pieces[i].Id;
        }
        ids[kept] = EndId;
        string? cut = kept == pieces.Count ? null : normalised[(kept == 0 ? 0 : pieces[kept - 1].End)..].Replace(WordStart, ' ').Trim();
        return (ids, kept + 1, cut);
    }

    /// <summary>A text's pieces, without the end.</summary>
    /// <returns>The normalised text with <c>▁</c> before every word, and the pieces that it consists of.</returns>
    internal (string Normalised, IReadOnlyList<Piece> Pieces) Split(string text)
    {
        RequirePairs(text);
        var normalised = new StringBuilder(text.Length + 1);
        var pieces = new List<Piece>(text.Length / 3);
        var path = Array.Empty<UnigramModel.Step>();
        foreach ((string section, int? id) in Sections(text))
        {
            if (id is { } found)
            {
                normalised.Append(section);
                pieces.Add(new Piece(found, normalised.Length));
                continue;
            }
            ReadOnlySpan<char> rest = section.AsSpan().TrimStart();
            while (!rest.IsEmpty)
            {
                int length = 1;
                while (length < rest.Length && rest[length] != WordStart && !char.IsWhiteSpace(rest[length]))
                {
                    length++;
                }
                string word = rest[0] == WordStart ? rest[..length].ToString() : string.Concat([WordStart], rest[..length]);
                _model.Split(word, normalised.Length, ref path, pieces);
                normalised.Append(word);
                rest = rest[length..].TrimStart();
            }
        }
        return (normalised.ToString(), pieces);
    }

    private static void RequirePairs(ReadOnlySpan<char> text)
    {
        for (int at = text.IndexOfAnyInRange('\uD800', '\uDFFF'), next = at; next >= 0; at += next)
        {
            if (Rune.DecodeFromUtf16(text[at..], out _, out int length) != OperationStatus.Done)
            {
                throw new ArgumentException($"The text is not valid Unicode: half of a surrogate pair stands alone at {at}", nameof(text));
            }
            at += length;
            next = text[at..].IndexOfAnyInRange('\uD800', '\uDFFF');
        }
    }

    /// <summary>Cuts a text at its tokens: those that are found as they are written, then, in the normalised text between them, the others.</summary>
    private IEnumerable<(string Text, int? Id)> Sections(string text) =>
        _rawTokens.Cut(text).SelectMany(section => section.Id is null ? _normalisedTokens.Cut(Normalise(section.Text)) : [section]);

    private string Normalise(string text) => _charsmap?.Normalise(text) ?? text;

    /// <summary>A piece of a text.</summary>
    /// <param name="Id">Its id.</param>
    /// <param name="End">Where it ends in the normalised text; it begins where the one before it ends.</param>
    internal readonly record struct Piece(int Id, int End);
}
