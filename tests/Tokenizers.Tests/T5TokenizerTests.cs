using System.Text.Json.Nodes;
using Brownian.Inference.Tests.Tokenizers;
using CsCheck;

namespace Brownian.Tokenizers.Tests;

/// <summary>
/// The ids in <c>tokenizer-t5.jsonl</c> are those of transformers 5.23; the ids in <c>tokenizer-t5-random.jsonl</c>, of random words, marks and
/// characters, are those of huggingface's tokenizers 0.23.2 with the same tokenizer.json.
/// </summary>
public sealed class T5TokenizerTests(T5Vocabulary vocabulary) : IClassFixture<T5Vocabulary>
{
    private const int End = 1;
    private const int Unknown = 2;

    private static readonly Gen<string> Words = Gen.OneOf(
        "a", "red", "cat", "painting", "the", " ", "  ", "\r\n", "\u0085", "\u00A0", "▁", "</s>", "<pad>", "<unk>", "<extra_id_0>", "<extra_id_100>",
        "＜pad＞", "Ａ", "\u0301", "\u200D", "½", "①", "ﷺ", "ﬁ", "é", "東京", "か\u3099", "가", "😀", "\U0001F3FD", "\0", "\uFFFE");

    private static readonly Gen<string> Texts = Gen.OneOf(
        Words.Array[0, 12].Select(string.Concat), Gen.String[Gen.Char['a', 'z'], 0, 40], Gen.String.Where(text => !text.Any(char.IsSurrogate)));

    [Theory]
    [InlineData(T5Vocabulary.Whole, "tokenizer-t5.jsonl", 230)]
    [InlineData(T5Vocabulary.SentencePiece, "tokenizer-t5.jsonl", 230)]
    [InlineData(T5Vocabulary.Whole, "tokenizer-t5-random.jsonl", 300)]
    [InlineData(T5Vocabulary.SentencePiece, "tokenizer-t5-random.jsonl", 300)]
    public void Every_text_of_the_reference_has_the_same_ids(string form, string cases, int count)
    {
        T5Tokenizer tokenizer = vocabulary.In(form);
        var wrong = new List<string>();
        int lines = 0;
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Cases", cases)))
        {
            JsonObject entry = JsonNode.Parse(line)!.AsObject();
            long[] expected = [.. entry["ids"]!.AsArray().Select(id => id!.GetValue<long>())];
            long[] actual = tokenizer.Encode(entry["text"]!.GetValue<string>());
            lines++;
            if (!expected.SequenceEqual(actual))
            {
                wrong.Add($"{entry["text"]!.ToJsonString()}: expected {string.Join(' ', expected)}, got {string.Join(' ', actual)}");
            }
        }
        Assert.Equal(count, lines);
        Assert.Empty(wrong);
    }

    [Fact]
    public void Characters_without_a_piece_are_named_once_and_every_other_text_has_none()
    {
        T5Tokenizer tokenizer = vocabulary.In(T5Vocabulary.Whole);
        Assert.Null(UnknownIn("a red cat"));
        Assert.Equal("😀 \U0001F3FD", UnknownIn("a 😀 cat in \U0001F3FD 😀"));
        Texts.Sample(text => Assert.Equal(tokenizer.Encode(text).Contains(Unknown), UnknownIn(text) is not null));

        string? UnknownIn(string text) => tokenizer.EncodeWindow(text, 77).Unknown;
    }

    [Theory]
    [InlineData("²\u0301", "1048")]
    [InlineData("Ａ\u0301b", "36 635")]
    [InlineData("Ａ\U0001F3FDb", "36 2 635")]
    [InlineData("e\u0301\u0302", "9 164")]
    [InlineData("x＜／s＞", "666 1")]
    [InlineData("<unk>＜unk＞😀", "2 9 2")]
    public void Short_clusters_are_normalised_whole_and_pieces_found_in_the_normalised_text(string text, string ids) =>
        Assert.Equal($"{ids} {End}", string.Join(' ', vocabulary.FromWhole.Encode(text)));

    [Theory]
    [InlineData(T5Vocabulary.Whole)]
    [InlineData(T5Vocabulary.SentencePiece)]
    public void The_window_and_the_special_ids_are_read_from_the_files(string form)
    {
        T5Tokenizer tokenizer = vocabulary.In(form);
        Assert.Equal(512, tokenizer.Window);
        Assert.Equal(End, tokenizer.EndId);
        Assert.Equal(0, tokenizer.PadId);
    }

    [Theory]
    [InlineData("a red cat", 6, "14 92 100 1 0 0", 4, null)]
    [InlineData("a red cat", 4, "14 92 100 1", 4, null)]
    [InlineData("a red  cat,\t😀 Ｔhe</s>blue dog", 4, "14 92 100 1", 4, ", 😀 The</s> blue dog")]
    [InlineData("a red catty", 4, "14 92 100 1", 4, "ty")]
    [InlineData("a red cat", 1, "1", 1, "a red cat")]
    [InlineData("", 1, "1", 1, null)]
    [InlineData(" \n", 3, "1 0 0", 1, null)]
    [InlineData("<pad> <pad>", 5, "0 0 1 0 0", 3, null)]
    public void A_window_is_filled_with_pad_tokens_or_the_rest_is_returned(string text, int window, string expected, int tokens, string? cut)
    {
        (long[] ids, int actual, string? left) = vocabulary.FromSentencePiece.EncodeWindow(text, window);
        Assert.Equal(expected, string.Join(' ', ids));
        Assert.Equal(tokens, actual);
        Assert.Equal(cut, left);
    }

    [Fact]
    public void A_window_of_no_tokens_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => vocabulary.FromWhole.EncodeWindow("a", 0));

    [Fact]
    public void A_window_has_the_first_ids_of_the_text_and_the_end_token() =>
        Gen.Select(Texts, Gen.Int[1, 24]).Sample((text, window) =>
        {
            long[] all = vocabulary.FromWhole.Encode(text);
            (long[] ids, int tokens, string? cut) = vocabulary.FromWhole.EncodeWindow(text, window);
            Assert.Equal(window, ids.Length);
            Assert.Equal(Math.Min(all.Length, window), tokens);
            Assert.Equal(all.Take(tokens - 1), ids.Take(tokens - 1));
            Assert.Equal(End, ids[tokens - 1]);
            Assert.All(ids.Skip(tokens), id => Assert.Equal(0, id));
            Assert.Equal(all.Length > window, cut is not null);
        });

    [Fact]
    public void The_pieces_joined_are_the_normalised_text()
    {
        JsonNode whole = JsonNode.Parse(File.ReadAllText(Path.Combine(vocabulary.Folder(T5Vocabulary.Whole), T5Vocabulary.Whole)))!;
        string[] texts = [.. whole["model"]!["vocab"]!.AsArray().Select(piece => piece![0]!.GetValue<string>())];
        Texts.Sample(text =>
        {
            (string normalised, IReadOnlyList<T5Tokenizer.Piece> pieces) = vocabulary.FromWhole.Split(text);
            int start = 0;
            foreach ((int id, int end) in pieces)
            {
                Assert.True(end > start);
                if (id != Unknown)
                {
                    Assert.Equal(texts[id], normalised[start..end]);
                }
                start = end;
            }
            Assert.Equal(normalised.Length, start);
        });
    }

    [Fact]
    public void Every_word_begins_with_the_word_mark_and_keeps_its_letters() =>
        Gen.String[Gen.Char[' ', '~'].Where(letter => letter is not ('<' or '`')), 0, 60].Sample(text =>
            Assert.Equal(
                string.Concat(text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => "▁" + word)),
                vocabulary.FromSentencePiece.Split(text).Normalised));

    [Fact]
    public void Both_forms_agree_on_any_text() =>
        Texts.Sample(text => Assert.Equal(vocabulary.FromWhole.Encode(text), vocabulary.FromSentencePiece.Encode(text)), iter: 2000);

    [Fact]
    public void Very_long_words_and_many_tokens_are_split_like_short_ones()
    {
        const int Length = 320_000;
        Assert.Equal([14, .. Enumerable.Repeat(171L, Length - 1), End], vocabulary.FromWhole.Encode(new string('a', Length)));
        Assert.Equal(Enumerable.Repeat((long)End, Length + 1), vocabulary.FromWhole.Encode(string.Concat(Enumerable.Repeat("</s>", Length))));
        Assert.Equal([9, Unknown, End], vocabulary.FromWhole.Encode(new string('猫', Length)));
    }

    [Fact]
    public void Half_of_a_surrogate_pair_is_refused() =>
        Assert.All((string[])["\uD83D", "\uDE00 cat", "cat 😀\uDE00", "\uD83D\uD83D\uDE00", "<unk>\uDE00"], text =>
        {
            Assert.Throws<ArgumentException>(() => vocabulary.FromWhole.Encode(text));
            Assert.Throws<ArgumentException>(() => vocabulary.FromWhole.EncodeWindow(text, 8));
        });
}
