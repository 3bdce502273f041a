using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Inference.Tests.Tokenizers;
using Brownian.Tests.Programs;
using CsCheck;

namespace Brownian.Tokenizers.Tests;

/// <summary>The forms of a T5 tokenizer's folder, and the refusals of damaged ones.</summary>
public sealed class T5TokenizerFilesTests(T5Vocabulary vocabulary) : IClassFixture<T5Vocabulary>
{
    private const string Sample = "a red Ａ\u0301 ½ 東京 ﷺ\r\n</s> <extra_id_7> \u0085 \0";

    [Fact]
    public void Tokenizer_json_is_read_if_both_forms_exist()
    {
        using TemporaryFolder folder = CopyOf(T5Vocabulary.Whole);
        File.WriteAllText(folder.Combine(T5Vocabulary.SentencePiece), "damaged");
        Assert.Equal(vocabulary.FromWhole.Encode(Sample), T5Tokenizer.Load(folder.FullPath).Encode(Sample));
    }

    [Fact]
    public void Settings_of_older_converters_and_padding_do_not_change_the_ids()
    {
        T5Tokenizer older = LoadEdited(json =>
        {
            json["normalizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["normalizers"] = new JsonArray(
                    json["normalizer"]!.DeepClone(),
                    new JsonObject { ["type"] = "Strip", ["strip_left"] = false, ["strip_right"] = true },
                    new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["Regex"] = " {2,}" }, ["content"] = "▁" }),
            };
            json["pre_tokenizer"] = new JsonObject { ["type"] = "Metaspace", ["replacement"] = "▁", ["prepend_scheme"] = "always" };
            json["padding"] = new JsonObject { ["strategy"] = new JsonObject { ["Fixed"] = 256 }, ["pad_id"] = 0 };
        });
        Assert.Equal(vocabulary.FromWhole.Encode(Sample), older.Encode(Sample));
        Assert.Equal(vocabulary.FromWhole.Encode("a  red   cat "), older.Encode("a  red   cat "));
    }

    [Fact]
    public void Equal_paths_prefer_the_longest_last_piece_and_unknown_characters_cost_ten_more()
    {
        T5Tokenizer tokenizer = LoadEdited(json => json["model"]!["vocab"] = JsonNode.Parse(
            """[["<pad>",0],["</s>",0],["<unk>",0],["▁",-1],["a",-1],["b",-1],["ab",-2],["▁a",-2],["bc",-11.5],["▁ab",-3],["dd",-14]]"""));
        Assert.Equal([9, 1], tokenizer.Encode("ab"));
        Assert.Equal([9, 6, 1], tokenizer.Encode("abab"));
        // One path costs 1 for "b" and 24 for an unknown "c", the other 11.5.
        Assert.Equal([3, 8, 1], tokenizer.Encode("bc"));
        Assert.Equal([3, 2, 10, 1], tokenizer.Encode("ddd"));
        Assert.Equal([3, 2, 5, 2, 1], tokenizer.Encode("xyzbxy"));
    }

    [Fact]
    public void A_SentencePiece_model_alone_has_a_hundred_extra_ids_and_no_window()
    {
        using TemporaryFolder folder = CopyOf(T5Vocabulary.SentencePiece, T5Vocabulary.Config, T5Vocabulary.Map);
        T5Tokenizer tokenizer = T5Tokenizer.Load(folder.FullPath);
        Assert.Null(tokenizer.Window);
        Assert.Equal([2099, 2000, 9, 2], tokenizer.Encode("<extra_id_0><extra_id_99><extra_id_100>")[..4]);
    }

    [Fact]
    public void The_configuration_sets_the_number_of_extra_ids_and_adds_tokens()
    {
        using TemporaryFolder folder = CopyOf(T5Vocabulary.SentencePiece, T5Vocabulary.Map);
        File.WriteAllText(
            folder.Combine(T5Vocabulary.Config),
            """{"extra_ids": 2, "model_max_length": 1e30, "added_tokens_decoder": {"2002": {"content": "<new>", "normalized": false}}}""");
        T5Tokenizer tokenizer = T5Tokenizer.Load(folder.FullPath);
        Assert.Null(tokenizer.Window);
        Assert.Equal([14, 2002, 2001, 2000, 1], tokenizer.Encode("a<new><extra_id_0><extra_id_1>"));
        File.WriteAllText(folder.Combine(T5Vocabulary.Config), """{"additional_special_tokens": ["<extra_id_0>"], "model_max_length": 77}""");
        tokenizer = T5Tokenizer.Load(folder.FullPath);
        Assert.Equal(77, tokenizer.Window);
        Assert.Equal([2000, 9, 2], tokenizer.Encode("<extra_id_0><extra_id_1>")[..3]);
    }

    [Fact]
    public void Normalised_tokens_are_found_in_the_normalised_text()
    {
        T5Tokenizer tokenizer =
            LoadEdited(json => json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = 2100, ["content"] = "½x", ["normalized"] = true }));
        Assert.Equal([14, 2100, 100, 1], tokenizer.Encode("a1⁄２xcat"));
    }

    public static TheoryData<string, Action<JsonObject>> Faults => new()
    {
        { "has no \"model\"", json => json.Remove("model") },
        { "\"BPE\"", json => json["model"]!["type"] = "BPE" },
        { "has no \"model.vocab\"", json => json["model"]!["vocab"] = new JsonObject() },
        { "has no \"model.unk_id\"", json => json["model"]!["unk_id"] = null },
        { "has no piece 2100", json => json["model"]!["unk_id"] = 2100 },
        { "has no piece -1", json => json["model"]!["unk_id"] = -1 },
        { "has a value", json => json["model"]!["unk_id"] = "2" },
        { "falls back to bytes", json => json["model"]!["byte_fallback"] = true },
        { "a piece is [\"x\"]", json => json["model"]!["vocab"]![7] = new JsonArray("x") },
        { "the piece 7, \"\"", json => json["model"]!["vocab"]![7] = new JsonArray("", -1.5) },
        { "the normalizer \"Lowercase\"", json => json["normalizer"]!["type"] = "Lowercase" },
        { "the pre-tokenizer \"ByteLevel\"", json => json["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel" } },
        { "Base-64", json => json["normalizer"]!["precompiled_charsmap"] = "A?" },
        { "states a trie of 4294967295", json => json["normalizer"]!["precompiled_charsmap"] = "/////w==" },
        { "an added token has no content", json => json["added_tokens"]![3]!["content"] = "" },
        { "\"</s>\" has no id", json => json["added_tokens"]![1]!["id"] = null },
        { "\"<new>\" has the id -4", json => json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = -4, ["content"] = "<new>" }) },
        { "single words", json => json["added_tokens"]![1]!["single_word"] = true },
    };

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public void A_fault_of_tokenizer_json_is_refused_with_the_file(string fault, Action<JsonObject> edit)
    {
        var exception = Assert.Throws<ModelException>(() => LoadEdited(edit));
        Assert.Contains(T5Vocabulary.Whole, exception.Message, StringComparison.Ordinal);
        Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"pad_token": "<fill>"}""", "no token \"<fill>\"")]
    [InlineData("""{"eos_token": {"content": 3}}""", "tokenizer_config.json")]
    [InlineData("""{"extra_ids": -1}""", "-1 \"extra_ids\"")]
    [InlineData("""{"extra_ids": 100000000}""", "100000000 \"extra_ids\"")]
    [InlineData("""{"extra_ids": "many"}""", "tokenizer_config.json")]
    [InlineData("""{"added_tokens_decoder": {"x": {"content": "<new>"}}}""", "\"<new>\" has no id")]
    [InlineData("""[]""", "is not a JSON object")]
    public void A_fault_of_the_configuration_is_refused(string config, string fault)
    {
        using TemporaryFolder folder = CopyOf(T5Vocabulary.SentencePiece);
        File.WriteAllText(folder.Combine(T5Vocabulary.Config), config);
        Assert.Contains(fault, Assert.Throws<ModelException>(() => T5Tokenizer.Load(folder.FullPath)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_either_form_is_refused_with_the_missing_files()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(
            "needs tokenizer.json or spiece.model", Assert.Throws<ModelException>(() => T5Tokenizer.Load(folder.FullPath)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    // A trainer_spec whose model_type is 2, byte pairs; a piece of kind 6, bytes; two pieces for unknown text.
    [InlineData("0A050A03E29681" + "12021802", "model_type is 2")]
    [InlineData("0A050A01611806", "is of kind 6")]
    [InlineData("0A050A01611802" + "0A050A01621802", "2 pieces for unknown text")]
    [InlineData("", "is an empty file")]
    [InlineData("0A03" + "0A01FF", "Unable to translate")]
    [InlineData("0A050A0161100161", "exceeds its message")]
    public void A_fault_of_the_SentencePiece_model_is_refused_with_the_file(string hex, string fault)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.Combine(T5Vocabulary.SentencePiece), Convert.FromHexString(hex));
        string message = Assert.Throws<ModelException>(() => T5Tokenizer.Load(folder.FullPath)).Message;
        Assert.Contains(T5Vocabulary.SentencePiece, message, StringComparison.Ordinal);
        Assert.Contains(fault, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(T5Vocabulary.Whole, 100)]
    [InlineData(T5Vocabulary.SentencePiece, 300)]
    [InlineData(T5Vocabulary.Config, 100)]
    [InlineData(T5Vocabulary.Map, 100)]
    public void A_damaged_tokenizer_file_is_refused_by_name_or_read_without_another_error(string file, int iterations)
    {
        string form = file == T5Vocabulary.Whole ? T5Vocabulary.Whole : T5Vocabulary.SentencePiece;
        byte[] sound = File.ReadAllBytes(Path.Combine(vocabulary.Folder(form), file));
        Gen<byte[]> truncated = Gen.Int[0, sound.Length - 1].Select(length => sound[..length]);
        Gen<byte[]> changed = Gen.Select(
            Gen.OneOf(Gen.Int[0, Math.Min(sound.Length, 65_536) - 1], Gen.Int[0, sound.Length - 1]),
            Gen.OneOf(Gen.Byte, Gen.Byte[(byte)'!', (byte)'~'])).Array[1, 6]
            .Select(changes =>
            {
                byte[] damaged = [.. sound];
                foreach ((int at, byte value) in changes)
                {
                    damaged[at] = value;
                }
                return damaged;
            });
        Gen.OneOf(truncated, changed).Sample(damaged =>
        {
            using TemporaryFolder folder = CopyOf(form, file);
            File.WriteAllBytes(folder.Combine(file), damaged);
            try
            {
                T5Tokenizer.Load(folder.FullPath).EncodeWindow(Sample, 77);
            }
            catch (ModelException exception)
            {
                Assert.Contains(folder.FullPath, exception.Message, StringComparison.Ordinal);
            }
        }, iter: iterations, print: damaged => $"{damaged.Length} bytes");
    }

    private T5Tokenizer LoadEdited(Action<JsonObject> edit)
    {
        using TemporaryFolder folder = CopyOf(T5Vocabulary.Whole);
        JsonObject json = JsonNode.Parse(File.ReadAllText(folder.Combine(T5Vocabulary.Whole)))!.AsObject();
        edit(json);
        File.WriteAllText(folder.Combine(T5Vocabulary.Whole), json.ToJsonString());
        return T5Tokenizer.Load(folder.FullPath);
    }

    private TemporaryFolder CopyOf(string form, params string[] without)
    {
        var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(vocabulary.Folder(form)))
        {
            if (!without.Contains(Path.GetFileName(file)))
            {
                File.Copy(file, folder.Combine(Path.GetFileName(file)));
            }
        }
        return folder;
    }
}
