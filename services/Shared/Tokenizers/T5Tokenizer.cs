using System.Buffers;
using System.Text;
using Brownian.Formats.Files;

namespace Brownian.Tokenizers;

/// <summary>
/// T5's sentencepiece unigram tokenizer with the ids of transformers 5's <c>T5Tokenizer</c> (<c>models/t5/tokenization_t5.py</c>, on huggingface's
/// <c>tokenizers</c>): special tokens are cut out of the text, the rest is normalised by the model's rules (<see cref="PrecompiledCharsmap"/>) and
/// split at white space; each word is prefixed with <c>▁</c> and split into its most likely pieces (<see cref="UnigramModel"/>; Kudo 2018, "Subword
/// Regularization"), and <c>&lt;/s&gt;</c> comes last. Case is kept. Thread-safe.
/// </summary>
public sealed class T5Tokenizer
{
    private const char WordStart = '▁';

    private readonly int _unknownId;
    private readonly UnigramModel _model;
    private readonly PrecompiledCharsmap? _charsmap;
    private readonly AddedTokens _rawTokens;
    private readonly AddedTokens _normalisedTokens;

    /// <param name="files">The contents of the folder.</param>
    internal T5Tokenizer(T5TokenizerFiles files)
    {
        Window = files.Window;
        EndId = files.EndId;
        PadId = files.PadId;
        _unknownId = files.UnknownId;
        _model = new UnigramModel(files.Pieces, files.UnknownId);
        _charsmap = files.Charsmap;
        _rawTokens = new AddedTokens(files.AddedTokens.Where(token => !token.IsNormalised).Select(token => (token.Content, token.Id)));
        _normalisedTokens = new AddedTokens(
            files.AddedTokens.Where(token => token.IsNormalised).Select(token => (Normalise(token.Content), token.Id))
                .Where(token => token.Item1.Length > 0));
    }

    /// <summary>Reads a tokenizer's folder in either of its formats.</summary>
    /// <param name="folder">The folder with <c>tokenizer.json</c> or <c>spiece.model</c>; the first takes precedence.</param>
    /// <exception cref="ModelException">A file is missing, damaged or inconsistent with the others.</exception>
    public static T5Tokenizer Load(string folder)
    {
        try
        {
            return new T5Tokenizer(T5TokenizerFiles.Read(folder));
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException)
        {
            throw new ModelException(
                $"tokenizer_config.json or special_tokens_map.json in {folder} has a value that T5's tokenizer does not have: {exception.Message}",
                exception);
        }
    }

    /// <summary>The number of ids that the text encoder was trained with, including the end; null when no file contains it.</summary>
    public int? Window { get; }

    /// <summary>The id after every text.</summary>
    public int EndId { get; }

    /// <summary>The id of padding.</summary>
    public int PadId { get; }

    /// <summary>Returns a text's ids and the end id, without a limit on their number.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    /// <returns>The ids, <see cref="EndId"/> last, without padding: <c>[ids]</c>.</returns>
    /// <exception cref="ArgumentException">The text contains a lone surrogate.</exception>
    public long[] Encode(string text) => [.. Split(text).Pieces.Select(piece => (long)piece.Id), EndId];

    /// <summary>Returns a text's ids for a window: truncated with the end id last, or padded with <see cref="PadId"/>.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    /// <param name="window">The number of ids, at least 1.</param>
    /// <exception cref="ArgumentException">The text contains a lone surrogate.</exception>
    public T5Window EncodeWindow(string text, int window)
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
        return new T5Window(ids, kept + 1, cut) { Unknown = UnknownIn(normalised, pieces) };
    }

    /// <inheritdoc cref="T5Window.Unknown"/>
    private string? UnknownIn(string normalised, IReadOnlyList<Piece> pieces)
    {
        var unknown = new List<string>();
        int start = 0;
        foreach (Piece piece in pieces)
        {
            if (piece.Id == _unknownId)
            {
                unknown.Add(normalised[start..piece.End].Trim(WordStart));
            }
            start = piece.End;
        }
        return unknown.Count == 0 ? null : string.Join(' ', unknown.Distinct(StringComparer.Ordinal));
    }

    /// <summary>Splits a text into pieces, without the end.</summary>
    /// <returns>The normalised text with <c>▁</c> before every word, and its pieces.</returns>
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
                throw new ArgumentException($"The text is not valid Unicode: it contains an unpaired surrogate at {at}", nameof(text));
            }
            at += length;
            next = text[at..].IndexOfAnyInRange('\uD800', '\uDFFF');
        }
    }

    /// <summary>
    /// Splits a text at its tokens: first those that are matched in the original text, then, in the normalised text between them, the others.
    /// </summary>
    private IEnumerable<(string Text, int? Id)> Sections(string text) =>
        _rawTokens.Cut(text).SelectMany(section => section.Id is null ? _normalisedTokens.Cut(Normalise(section.Text)) : [section]);

    private string Normalise(string text) => _charsmap?.Normalise(text) ?? text;

    /// <summary>A piece of a text.</summary>
    /// <param name="Id">Its id.</param>
    /// <param name="End">Its end in the normalised text; it begins at the end of the previous piece.</param>
    internal readonly record struct Piece(int Id, int End);
}
