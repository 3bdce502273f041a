using System.Text.Json.Nodes;
using Brownian.Inference.Tests.Tokenizers;
using Brownian.Tests.Programs;
using CsCheck;

namespace Brownian.Tokenizers.Tests;

/// <summary>A tokenizer gives the same ids from either of its forms.</summary>
public sealed class TokenizerFormsTests(RealVocabulary real) : IClassFixture<RealVocabulary>
{
    [Fact]
    public void Tokenizer_json_gives_the_ids_of_vocab_json_and_merges_txt()
    {
        using var folder = new TemporaryFolder();
        JsonObject vocabulary = JsonNode.Parse(File.ReadAllText(Path.Combine(real.Folder, "vocab.json")))!.AsObject();
        var merges = new JsonArray(
            [
                .. File.ReadLines(Path.Combine(real.Folder, "merges.txt")).Skip(1)
                    .Select(line => (JsonNode)new JsonArray(line.Split(' ')[0], line.Split(' ')[1]))
            ]);
        var whole = new JsonObject
        {
            ["truncation"] = new JsonObject { ["max_length"] = 77 },
            ["added_tokens"] = new JsonArray(
                new JsonObject { ["id"] = 49406, ["content"] = "<|startoftext|>", ["normalized"] = true },
                new JsonObject { ["id"] = 49407, ["content"] = "<|endoftext|>", ["normalized"] = true }),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary.DeepClone(), ["merges"] = merges },
        };
        File.WriteAllText(folder.Combine("tokenizer.json"), whole.ToJsonString());
        ClipTokenizer tokenizer = ClipTokenizer.Load(folder.FullPath);
        Assert.Equal(77, tokenizer.Window);
        Gen.OneOf(Gen.String, Gen.String[Gen.Char[' ', 'ſ'], 0, 80], Gen.String[Gen.Char['a', 'e'], 0, 30])
            .Where(text => text.All(character => !char.IsSurrogate(character)))
            .Sample(text => Assert.Equal(real.Tokenizer.Encode(text), tokenizer.Encode(text)), iter: 2000);
    }

    [Fact]
    public void A_pad_token_in_the_text_is_found_as_that_token()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in (string[])["vocab.json", "merges.txt"])
        {
            File.Copy(Path.Combine(real.Folder, file), folder.Combine(file));
        }
        File.WriteAllText(folder.Combine("tokenizer_config.json"), "{\"model_max_length\": 77, \"pad_token\": \"!\"}");
        ClipTokenizer tokenizer = ClipTokenizer.Load(folder.FullPath);
        Assert.Equal([49406, 3306, 0, 0, 49407], tokenizer.Encode("Hello!!"));
        Assert.Equal([49406, 3306, 49407, 0, 0], tokenizer.EncodeWindow("hello", 5).Ids);
    }

    [Fact]
    public void Special_tokens_in_the_text_are_found_in_any_case() =>
        Assert.Equal([49406, 2368, 49407, 1929, 49406, 49407], real.Tokenizer.Encode("cat <|ENDOFTEXT|> dog <|startoftext|>"));
}
