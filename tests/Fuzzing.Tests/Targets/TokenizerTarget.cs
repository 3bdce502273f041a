using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Requests;
using Brownian.Tests.Programs;
using Brownian.Tokenizers;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Folders of CLIP's and T5's tokenizers, and prompts.</summary>
internal sealed class TokenizerTarget : FuzzTarget
{
    private const string Clip = "clip/", T5 = "t5/", ClipText = "clip-text", T5Text = "t5-text";

    /// <summary>How many pieces of the tiny models' vocabularies are kept, so that files are small.</summary>
    private const int Pieces = 300;

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, FolderFile> _folders = new(StringComparer.Ordinal);
    private readonly ClipTokenizer _clip;
    private readonly T5Tokenizer _t5;

    public TokenizerTarget()
    {
        string clip = _folder.Combine("clip"), whole = _folder.Combine("t5-whole"), piece = _folder.Combine("t5-piece");
        Copy(Path.Combine(SeedFiles.Models, "tiny-sd15", "tokenizer"), clip);
        Copy(Path.Combine(SeedFiles.Models, "tiny-sd3", "tokenizer_3"), whole);
        Copy(Path.Combine(SeedFiles.Models, "tiny-if", "tokenizer"), piece);
        File.Delete(Path.Combine(whole, "spiece.model"));
        File.Delete(Path.Combine(piece, "tokenizer.json"));
        Shorten(clip, whole, piece);
        _clip = ClipTokenizer.Load(clip);
        _t5 = T5Tokenizer.Load(whole);
        _folders = new Dictionary<string, FolderFile>(StringComparer.Ordinal)
        {
            [Clip] = new FolderFile(clip),
            [T5 + "whole/"] = new FolderFile(whole),
            [T5 + "piece/"] = new FolderFile(piece),
        };
    }

    public override int CasesPerSecond => 250;

    public override IReadOnlyList<string> Tokens =>
    [
        "<|endoftext|>", "<|startoftext|>", "</w>", "</s>", "<pad>", "<unk>", "<extra_id_0>", "▁", "content", "normalized", "single_word",
        "added_tokens", "added_tokens_decoder",
        "additional_special_tokens", "extra_ids", "model_max_length", "unk_token", "eos_token", "pad_token", "bos_token", "vocab", "merges", "type",
        "Unigram", "BPE",
        "precompiled_charsmap", "normalizer", "pre_tokenizer", "unk_id", "truncation", "max_length", "byte_fallback", "\u0301", "🍎",
        "#version: 0.2\n",
    ];

    public override IEnumerable<FuzzInput> Seeds()
    {
        foreach ((string prefix, FolderFile folder) in _folders)
        {
            foreach (string file in Directory.GetFiles(folder.FullPath).Order(StringComparer.Ordinal))
            {
                yield return new FuzzInput(prefix + Path.GetFileName(file), File.ReadAllBytes(file));
            }
        }
        foreach (string kind in (string[])[ClipText, T5Text])
        {
            foreach (FuzzInput text in SeedFiles.Texts(kind, "red apple, flat", "Ünïcode\u0301 日本語 🍎 it's 100% <|endoftext|> </s>", "a  b\n\tc", ""))
            {
                yield return text;
            }
        }
    }

    public override FuzzFormat FormatOf(string kind) => kind.EndsWith(".json", StringComparison.Ordinal) ? FuzzFormat.Json
        : kind.EndsWith(".model", StringComparison.Ordinal) ? FuzzFormat.Wire : FuzzFormat.Bytes;

    // A charsmap and 65,536 extra ids.
    public override long MaxAllocated(FuzzInput input) => (64L << 20) + 1024L * input.Bytes.Length;

    public override void Run(FuzzInput input)
    {
        string text = Encoding.UTF8.GetString(input.Bytes);
        text = text[..Math.Min(text.Length, GenerationRequest.MaxPromptLength)];
        switch (input.Kind)
        {
            case ClipText:
                Encode(_clip, text);
                break;
            case T5Text:
                _t5.Encode(text);
                _t5.EncodeWindow(text, 77);
                break;
            default:
                (string prefix, FolderFile folder) = _folders.First(folder => input.Kind.StartsWith(folder.Key, StringComparison.Ordinal));
                folder.With(input.Kind[prefix.Length..], input.Bytes, () =>
                {
                    const string Prompt = "red apple, a flat 日本語 \u0301 </s>";
                    if (prefix == Clip)
                    {
                        Encode(ClipTokenizer.Load(folder.FullPath), Prompt);
                    }
                    else
                    {
                        T5Tokenizer.Load(folder.FullPath).EncodeWindow(Prompt, 16);
                    }
                });
                break;
        }
    }

    public override bool IsDocumented(Exception exception) => exception is ModelException;

    public override void Dispose()
    {
        foreach (FolderFile folder in _folders.Values)
        {
            folder.Dispose();
        }
        _folder.Dispose();
        base.Dispose();
    }

    private static void Encode(ClipTokenizer tokenizer, string text)
    {
        tokenizer.Decode(tokenizer.Encode(text));
        tokenizer.EncodeWindow(text, 77);
    }

    private static void Copy(string source, string target)
    {
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(source))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }
    }

    /// <summary>Keeps the first pieces of the vocabularies, and the special ones.</summary>
    private static void Shorten(string clip, string whole, string piece)
    {
        string file = Path.Combine(clip, "vocab.json");
        JsonObject vocabulary = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        File.WriteAllText(file, new JsonObject(
            vocabulary.Where(word => (int)word.Value! < 512 + Pieces || word.Key.StartsWith("<|", StringComparison.Ordinal))
                .Select(word => KeyValuePair.Create(word.Key, word.Value?.DeepClone()))).ToJsonString());
        string merges = Path.Combine(clip, "merges.txt");
        File.WriteAllLines(merges, File.ReadAllLines(merges).Take(1 + Pieces));
        file = Path.Combine(whole, "tokenizer.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        JsonArray pieces = json["model"]!["vocab"]!.AsArray();
        json["model"]!["vocab"] = new JsonArray([.. pieces.Take(Pieces).Select(known => known!.DeepClone())]);
        json["normalizer"] = null;
        json["added_tokens"] =
            new JsonArray([.. json["added_tokens"]!.AsArray().Where(token => (int)token!["id"]! < Pieces).Select(token => token!.DeepClone())]);
        File.WriteAllText(file, json.ToJsonString());
        // The pieces of a sentencepiece model are its first fields.
        byte[] model = File.ReadAllBytes(Path.Combine(piece, "spiece.model"));
        int end = 0;
        for (int i = 0; i < Pieces && model[end] == 0x0A && model[end + 1] < 0x80; i++)
        {
            end += 2 + model[end + 1];
        }
        int rest = end;
        while (rest < model.Length && model[rest] == 0x0A && model[rest + 1] < 0x80)
        {
            rest += 2 + model[rest + 1];
        }
        File.WriteAllBytes(Path.Combine(piece, "spiece.model"), [.. model.AsSpan(0, end), .. model.AsSpan(rest)]);
    }
}
