using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;

namespace Brownian.Tokenizers;

/// <summary>
/// The contents of a CLIP tokenizer's folder, read from <c>tokenizer.json</c>, or from <c>vocab.json</c> and <c>merges.txt</c>, together with
/// <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c>.
/// </summary>
internal sealed class ClipTokenizerFiles
{
    private const string DefaultStart = "<|startoftext|>";
    private const string DefaultEnd = "<|endoftext|>";

    private ClipTokenizerFiles()
    {
    }

    public required IReadOnlyDictionary<string, int> Vocabulary { get; init; }

    public required IReadOnlyList<string> Merges { get; init; }

    public required IReadOnlyList<ClipTokenizer.AddedToken> AddedTokens { get; init; }

    public required string UnknownToken { get; init; }

    public required int StartId { get; init; }

    public required int EndId { get; init; }

    public required int PadId { get; init; }

    public required int? Window { get; init; }

    /// <exception cref="ModelException">A file is missing or inconsistent with the others.</exception>
    public static ClipTokenizerFiles Read(string folder)
    {
        JsonObject config = JsonFile.ReadIfThere(Path.Combine(folder, "tokenizer_config.json")) ?? [];
        JsonObject map = JsonFile.ReadIfThere(Path.Combine(folder, "special_tokens_map.json")) ?? [];
        string whole = Path.Combine(folder, "tokenizer.json");
        string vocabularyFile = Path.Combine(folder, "vocab.json");
        string mergesFile = Path.Combine(folder, "merges.txt");

        Dictionary<string, int> vocabulary;
        List<string> merges;
        var added = new Dictionary<string, ClipTokenizer.AddedToken>(StringComparer.Ordinal);
        int? window = null;
        string source;
        if (File.Exists(whole))
        {
            source = whole;
            JsonObject file = JsonFile.Read(whole);
            JsonObject model = file["model"] as JsonObject ?? throw new ModelException($"{whole} has no \"model\"");
            if ((string?)model["type"] is { } type && type != "BPE")
            {
                throw new ModelException($"{whole} is of type \"{type}\", CLIP's tokenizer is \"BPE\"");
            }
            vocabulary = ReadVocabulary(model["vocab"] as JsonObject ?? throw new ModelException($"{whole} has no \"model.vocab\""), whole);
            merges =
            [
                .. (model["merges"] as JsonArray ?? throw new ModelException($"{whole} has no \"model.merges\""))
                    .Select(merge => ReadMerge(merge, whole))
            ];
            foreach (JsonObject token in (file["added_tokens"] as JsonArray ?? []).OfType<JsonObject>())
            {
                if ((string?)token["content"] is not { Length: > 0 } content)
                {
                    throw new ModelException($"{whole}: an added token has no content");
                }
                int id = (int?)token["id"] ?? throw new ModelException($"{whole}: the added token \"{content}\" has no id");
                vocabulary[content] = id;
                added[content] = new ClipTokenizer.AddedToken(content, id, (bool?)token["normalized"] ?? true);
            }
            window = (int?)file["truncation"]?["max_length"];
        }
        else
        {
            source = vocabularyFile;
            if (!File.Exists(vocabularyFile) || !File.Exists(mergesFile))
            {
                throw new ModelException($"The tokenizer folder {folder} needs tokenizer.json, or vocab.json and merges.txt");
            }
            vocabulary = ReadVocabulary(JsonFile.Read(vocabularyFile), vocabularyFile);
            merges = ReadMerges(mergesFile);
        }

        (string start, bool startNormalised) = SpecialToken("bos_token", config, map) ?? (DefaultStart, true);
        (string end, bool endNormalised) = SpecialToken("eos_token", config, map) ?? (DefaultEnd, true);
        (string pad, bool padNormalised) = SpecialToken("pad_token", config, map) ?? (end, endNormalised);
        (string unknown, _) = SpecialToken("unk_token", config, map) ?? (end, endNormalised);
        foreach ((string content, bool normalised) in ((string, bool)[])[(start, startNormalised), (end, endNormalised), (pad, padNormalised)])
        {
            if (!vocabulary.TryGetValue(content, out int id))
            {
                throw new ModelException($"{source} has no token \"{content}\", which tokenizer_config.json or special_tokens_map.json names");
            }
            added.TryAdd(content, new ClipTokenizer.AddedToken(content, id, normalised));
        }
        if (!vocabulary.ContainsKey(unknown))
        {
            throw new ModelException($"{source} has no token \"{unknown}\", which stands for unknown text");
        }
        return new ClipTokenizerFiles
        {
            Vocabulary = vocabulary,
            // Some files end with merges that were never trained, whose results are missing in the vocabulary.
            Merges = [.. merges.Where(merge => vocabulary.ContainsKey(merge.Replace(" ", "", StringComparison.Ordinal)))],
            AddedTokens = [.. added.Values],
            UnknownToken = unknown,
            StartId = vocabulary[start],
            EndId = vocabulary[end],
            PadId = vocabulary[pad],
            Window = ReadWindow(config) ?? window,
        };
    }

    /// <summary>Reads the window. The reference writes 1e30 for a tokenizer without a window.</summary>
    private static int? ReadWindow(JsonObject config) =>
        config["model_max_length"] is JsonValue value && value.TryGetValue(out double window) && window is >= 2 and <= 65_536 ? (int)window : null;

    private static (string Content, bool IsNormalised)? SpecialToken(string name, JsonObject config, JsonObject map) =>
        (config[name] ?? map[name]) switch
        {
            JsonObject token => ((string?)token["content"] ?? "", (bool?)token["normalized"] ?? true),
            JsonValue text when text.GetValueKind() == JsonValueKind.String => (text.GetValue<string>(), false),
            _ => null,
        };

    private static Dictionary<string, int> ReadVocabulary(JsonObject json, string file)
    {
        var vocabulary = new Dictionary<string, int>(json.Count, StringComparer.Ordinal);
        foreach ((string piece, JsonNode? id) in json)
        {
            if (id is not JsonValue value || !value.TryGetValue(out int number) || number < 0)
            {
                throw new ModelException($"{file}: \"{piece}\" has {id?.ToJsonString() ?? "null"} in place of an id");
            }
            vocabulary[piece] = number;
        }
        return vocabulary.Count > 0 ? vocabulary : throw new ModelException($"{file} has no vocabulary");
    }

    private static string ReadMerge(JsonNode? merge, string file) => merge switch
    {
        JsonValue text when text.GetValueKind() == JsonValueKind.String => text.GetValue<string>(),
        JsonArray { Count: 2 } pair => $"{(string?)pair[0]} {(string?)pair[1]}",
        _ => throw new ModelException($"{file}: a merge is {merge?.ToJsonString() ?? "null"}, not two pieces"),
    };

    /// <summary>Reads the merges. The first line is a version.</summary>
    private static List<string> ReadMerges(string file)
    {
        string[] lines = File.ReadAllLines(file);
        var merges = new List<string>(lines.Length);
        foreach (string line in lines)
        {
            if (line.Length == 0 || line.StartsWith("#version", StringComparison.Ordinal))
            {
                continue;
            }
            if (line.Count(character => character == ' ') != 1)
            {
                throw new ModelException($"{file}: \"{line}\" is not two pieces");
            }
            merges.Add(line);
        }
        return merges.Count > 0 ? merges : throw new ModelException($"{file} has no merges");
    }
}
