using System.Text.Json.Nodes;
using Brownian.Inference.Tests.Tokenizers;

namespace Brownian.Tokenizers.Tests;

public sealed class ClipTokenizerTests(RealVocabulary real) : IClassFixture<RealVocabulary>
{
    [Fact]
    public void Every_text_of_the_reference_has_the_same_ids()
    {
        var wrong = new List<string>();
        int lines = 0;
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Cases", "tokenizer-clip.jsonl")))
        {
            JsonObject entry = JsonNode.Parse(line)!.AsObject();
            string text = entry["text"]!.GetValue<string>();
            int[] expected = [.. entry["ids"]!.AsArray().Select(id => id!.GetValue<int>())];
            IReadOnlyList<int> actual = real.Tokenizer.Encode(text);
            lines++;
            if (!expected.SequenceEqual(actual))
            {
                wrong.Add($"{entry["text"]!.ToJsonString()}: expected {string.Join(' ', expected)}, got {string.Join(' ', actual)}");
            }
        }
        Assert.Equal(407, lines);
        Assert.Empty(wrong);
    }

    [Fact]
    public void A_text_over_the_window_is_cut_before_the_end_token_and_the_rest_returned()
    {
        (long[] ids, string? cut) = real.Tokenizer.EncodeWindow(string.Join(' ', Enumerable.Repeat("cat", 74)) + " Dog Café, owl", 77);
        Assert.Equal(77, ids.Length);
        Assert.Equal(49406, ids[0]);
        Assert.Equal(49407, ids[^1]);
        Assert.Equal("café , owl", cut);
    }

    [Fact]
    public void A_short_text_fills_the_window_with_the_pad_token()
    {
        (long[] ids, string? cut) = real.Tokenizer.EncodeWindow("hello", 6);
        Assert.Equal([49406, 3306, 49407, 49407, 49407, 49407], ids);
        Assert.Null(cut);
    }
}
