using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;

namespace Brownian.Tokenizers;

/// <summary>
/// The contents of a T5 tokenizer's folder, read from <c>tokenizer.json</c> or <c>spiece.model</c>, together with <c>tokenizer_config.json</c> and
/// <c>special_tokens_map.json</c>.
/// </summary>
internal sealed class T5TokenizerFiles
{
    private const string DefaultEnd = "</s>";
    private const string DefaultPad = "<pad>";
    private const string ExtraStart = "<extra_id_";
    private const int DefaultExtras = 100;
    private const int MaxExtras = 65_536;
    private const int MaxId = 1 << 24;

    private T5TokenizerFiles()
    {
    }

    /// <summary>The pieces' texts and scores, by id.</summary>
    public required IReadOnlyList<(string Text, double Score)> Pieces { get; init; }

    public required PrecompiledCharsmap? Charsmap { get; init; }

    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    public required int UnknownId { get; init; }

    public required int EndId { get; init; }

    public required int PadId { get; init; }

    public required int? Window { get; init; }

    /// <exception cref="ModelException">A file is missing, damaged or inconsistent with the others.</exception>
    public static T5TokenizerFiles Read(string folder)
    {
        JsonObject config = JsonFile.ReadIfThere(Path.Combine(folder, "tokenizer_config.json")) ?? [];
        JsonObject map = JsonFile.ReadIfThere(Path.Combine(folder, "special_tokens_map.json")) ?? [];
        string whole = Path.Combine(folder, "tokenizer.json");
        string sentencePiece = Path.Combine(folder, "spiece.model");
        if (!File.Exists(whole) && !File.Exists(sentencePiece))
        {
            throw new ModelException($"The tokenizer folder {folder} needs tokenizer.json or spiece.model");
        }
        (string source, Contents contents) = File.Exists(whole)
            ? (whole, ReadWhole(whole))
            : (sentencePiece, ReadSentencePiece(sentencePiece, config, map));

        var ids = new Dictionary<string, int>(contents.Pieces.Count, StringComparer.Ordinal);
        for (int id = 0; id < contents.Pieces.Count; id++)
        {
            (string text, double score) = contents.Pieces[id];
            if (text.Length == 0 || !double.IsFinite(score))
            {
                throw new ModelException($"{source}: the piece {id}, \"{text}\", has no text or the score {score}");
            }
            ids[text] = id;
        }
        if (contents.UnknownId < 0 || contents.UnknownId >= contents.Pieces.Count)
        {
            throw new ModelException($"{source} has no piece {contents.UnknownId}, which stands for unknown text");
        }

        var added = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (AddedToken token in contents.AddedTokens)
        {
            if (token.Id is < 0 or > MaxId)
            {
                throw new ModelException($"{source}: the added token \"{token.Content}\" has the id {token.Id}");
            }
            ids.TryAdd(token.Content, token.Id);
            added[token.Content] = token with { Id = ids[token.Content] };
        }
        AddedToken end = Special("eos_token", DefaultEnd);
        AddedToken pad = Special("pad_token", DefaultPad);
        Special("unk_token", contents.Pieces[contents.UnknownId].Text);
        return new T5TokenizerFiles
        {
            Pieces = contents.Pieces,
            Charsmap = contents.Charsmap,
            AddedTokens = [.. added.Values],
            UnknownId = contents.UnknownId,
            EndId = end.Id,
            PadId = pad.Id,
            Window = ReadWindow(config) ?? contents.Window,
        };

        AddedToken Special(string name, string otherwise)
        {
            (string content, bool isNormalised) = (config[name] ?? map[name]) switch
            {
                JsonObject token => ((string?)token["content"] ?? "", (bool?)token["normalized"] ?? false),
                JsonValue text when text.GetValueKind() == JsonValueKind.String => (text.GetValue<string>(), false),
                _ => (otherwise, false),
            };
            if (content.Length == 0 || !ids.TryGetValue(content, out int id))
            {
                throw new ModelException(
                    $"{source} has no token \"{content}\", which is the {name} of tokenizer_config.json, special_tokens_map.json or T5");
            }
            added.TryAdd(content, new AddedToken(content, id, isNormalised));
            return added[content];
        }
    }

    /// <summary>Reads the window. The reference writes 1e30 for a tokenizer without a window.</summary>
    private static int? ReadWindow(JsonObject config) =>
        config["model_max_length"] is JsonValue value && value.TryGetValue(out double window) && window is >= 2 and <= 65_536 ? (int)window : null;

    private static Contents ReadWhole(string file)
    {
        JsonObject json = JsonFile.Read(file);
        try
        {
            return ReadWhole(json, file);
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException)
        {
            throw new ModelException($"{file} has a value that T5's tokenizer does not have: {exception.Message}", exception);
        }
    }

    private static Contents ReadWhole(JsonObject json, string file)
    {
        JsonObject model = json["model"] as JsonObject ?? throw new ModelException($"{file} has no \"model\"");
        if ((string?)model["type"] is { } type && type != "Unigram")
        {
            throw new ModelException($"{file} is of type \"{type}\", T5's tokenizer is \"Unigram\"");
        }
        if ((bool?)model["byte_fallback"] is true)
        {
            throw new ModelException($"{file} falls back to bytes, which T5's tokenizer does not support");
        }
        JsonArray vocabulary = model["vocab"] as JsonArray ?? throw new ModelException($"{file} has no \"model.vocab\"");
        foreach (JsonObject step in Steps(json["pre_tokenizer"], "pretokenizers"))
        {
            if ((string?)step["type"] is not ("WhitespaceSplit" or "Metaspace") and var other)
            {
                throw new ModelException($"{file} has the pre-tokenizer \"{other}\", T5's are \"WhitespaceSplit\" and \"Metaspace\"");
            }
        }
        PrecompiledCharsmap? charsmap = null;
        foreach (JsonObject step in Steps(json["normalizer"], "normalizers"))
        {
            switch ((string?)step["type"])
            {
                case "Precompiled":
                    charsmap = ReadCharsmap(Convert.FromBase64String((string?)step["precompiled_charsmap"] ?? ""), file);
                    break;
                // Steps of older converters for sentencepiece's handling of leading, trailing and repeated white space, which splitting at white
                // space covers too.
                case "Strip" or "Replace":
                    break;
                case var other:
                    throw new ModelException($"{file} has the normalizer \"{other}\", T5's is \"Precompiled\"");
            }
        }
        return new Contents(
            [.. vocabulary.Select(piece => ReadPiece(piece, file))],
            charsmap,
            [.. (json["added_tokens"] as JsonArray ?? []).OfType<JsonObject>().Select(token => ReadAdded(token, token["id"], file))],
            (int?)model["unk_id"] ?? throw new ModelException($"{file} has no \"model.unk_id\""),
            (int?)json["truncation"]?["max_length"]);
    }

    /// <summary>Returns the steps of a normalizer or pre-tokenizer, including those of sequences, in order.</summary>
    private static IEnumerable<JsonObject> Steps(JsonNode? step, string children) => step switch
    {
        JsonObject sequence when sequence[children] is JsonArray steps => steps.SelectMany(child => Steps(child, children)),
        JsonObject single => [single],
        _ => [],
    };

    private static (string Text, double Score) ReadPiece(JsonNode? piece, string file) =>
        piece is JsonArray { Count: 2 } pair && (string?)pair[0] is { } text && (double?)pair[1] is { } score
            ? (text, score)
            : throw new ModelException($"{file}: a piece is {piece?.ToJsonString() ?? "null"}, not a text and its score");

    private static AddedToken ReadAdded(JsonObject token, JsonNode? id, string file)
    {
        if ((string?)token["content"] is not { Length: > 0 } content)
        {
            throw new ModelException($"{file}: an added token has no content");
        }
        if ((bool?)token["single_word"] is true)
        {
            throw new ModelException($"{file}: the added token \"{content}\" is for single words alone, which T5's tokenizer does not support");
        }
        return new AddedToken(
            content, (int?)id ?? throw new ModelException($"{file}: the added token \"{content}\" has no id"), (bool?)token["normalized"] ?? false);
    }

    /// <summary>Reads the model's pieces, followed by the extra ids, which the file does not contain: the first of them has the largest id.</summary>
    private static Contents ReadSentencePiece(string file, JsonObject config, JsonObject map)
    {
        SentencePieceFile model = SentencePieceFile.Read(file);
        string configFile = Path.Combine(Path.GetDirectoryName(file)!, "tokenizer_config.json");
        var pieces = model.Pieces.Select(piece => (piece.Text, (double)piece.Score)).ToList();
        List<AddedToken> added =
            [
                .. model.Pieces.Index().Where(piece => piece.Item.Kind is SentencePieceKind.Control or SentencePieceKind.UserDefined)
                    .Select(piece => new AddedToken(piece.Item.Text, piece.Index, IsNormalised: false))
            ];
        int[] unknown = [.. model.Pieces.Index().Where(piece => piece.Item.Kind == SentencePieceKind.Unknown).Select(piece => piece.Index)];
        if (unknown.Length != 1)
        {
            throw new ModelException($"{file} has {unknown.Length} pieces for unknown text, not one");
        }

        Dictionary<string, int> own = [];
        foreach ((int id, SentencePiece piece) in model.Pieces.Index())
        {
            own[piece.Text] = id;
        }
        for (int extra = CountExtras(config, map, configFile) - 1; extra >= 0; extra--)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"{ExtraStart}{extra}>");
            if (!own.TryGetValue(name, out int id))
            {
                id = pieces.Count;
                pieces.Add((name, 0));
            }
            added.Add(new AddedToken(name, id, IsNormalised: false));
        }
        foreach ((string id, JsonNode? token) in config["added_tokens_decoder"] as JsonObject ?? [])
        {
            int? number = int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int parsed) ? parsed : null;
            added.Add(ReadAdded(token as JsonObject ?? [], number, configFile));
        }
        return new Contents(pieces, model.Charsmap.Length == 0 ? null : ReadCharsmap(model.Charsmap, file), added, unknown[0], null);
    }

    private static int CountExtras(JsonObject config, JsonObject map, string configFile)
    {
        int[] listed = [.. ((JsonNode?[])[config["additional_special_tokens"], config["extra_special_tokens"], map["additional_special_tokens"]])
            .Select(list => (list as JsonArray ?? []).Count(token => Content(token)?.StartsWith(ExtraStart, StringComparison.Ordinal) is true))
            .Where(count => count > 0)];
        int extras = (int?)config["extra_ids"] ?? (listed.Length > 0 ? listed[0] : DefaultExtras);
        return extras is >= 0 and <= MaxExtras
            ? extras
            : throw new ModelException($"{configFile} has {extras} \"extra_ids\", 0 to {MaxExtras} can be");

        static string? Content(JsonNode? token) => (string?)(token is JsonObject whole ? whole["content"] : token);
    }

    private static PrecompiledCharsmap ReadCharsmap(ReadOnlySpan<byte> bytes, string file)
    {
        try
        {
            return new PrecompiledCharsmap(bytes);
        }
        catch (InvalidDataException exception)
        {
            throw new ModelException($"{file} is damaged: {exception.Message}", exception);
        }
    }

    /// <summary>A token that is matched in the text before it is split into words.</summary>
    /// <param name="Content">Its text.</param>
    /// <param name="Id">Its id.</param>
    /// <param name="IsNormalised">Whether it is matched in the normalised text.</param>
    internal sealed record AddedToken(string Content, int Id, bool IsNormalised);

    private sealed record Contents(
        IReadOnlyList<(string Text, double Score)> Pieces, PrecompiledCharsmap? Charsmap, IReadOnlyList<AddedToken> AddedTokens, int UnknownId,
        int? Window);
}
