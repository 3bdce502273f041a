using System.Text.Json.Nodes;
using Brownian.Inference.Prompts;
using Brownian.Inference.Tests.Tokenizers;
using Brownian.Requests.Prompts;
using Brownian.Tests.Programs;
using Brownian.Tokenizers;
using CsCheck;

namespace Brownian.Inference.Tests.Prompts;

public sealed class PromptChunkerTests(RealVocabulary real) : IClassFixture<RealVocabulary>
{
    private const int Start = 49406;
    private const int End = 49407;
    private const int Cat = 2368;
    private const int Comma = 267;

    private static readonly Gen<WeightedText[]> Parts = Gen.OneOf(
            Gen.Select(Gen.OneOf("cat ", "a small dog, ", "Café", ", , ", "", " one two three four five six seven eight nine ten "), Gen.Int[-3, 3])
                .Select((text, weight) => new WeightedText(text, weight)),
            Gen.Const(WeightedText.Break))
        .Array[0, 30];

    private readonly PromptChunker _chunker = new(real.Tokenizer, 77);

    [Fact]
    public void The_empty_prompt_is_one_chunk_of_the_end_token()
    {
        PromptChunk chunk = Assert.Single(_chunker.Split(""));
        Assert.Equal([Start, .. Enumerable.Repeat((long)End, 76)], chunk.Ids);
        Assert.Equal(Enumerable.Repeat(1f, 77), chunk.Weights);
        Assert.Equal(0, chunk.TextLength);
        Assert.Equal(chunk.Ids, _chunker.Empty.Ids);
    }

    [Fact]
    public void Seventy_five_tokens_are_one_chunk_and_the_next_is_in_a_second()
    {
        PromptChunk full = Assert.Single(_chunker.Split(Cats(75)));
        Assert.Equal([Start, .. Enumerable.Repeat((long)Cat, 75), End], full.Ids);
        IReadOnlyList<PromptChunk> two = _chunker.Split(Cats(76));
        Assert.Equal([75, 1], two.Select(chunk => chunk.TextLength));
        Assert.Equal([Start, Cat, End, End], two[1].Ids[..4]);
    }

    [Theory]
    [InlineData(55, 56, 20)]
    [InlineData(54, 75, 1)]
    [InlineData(74, 75, 1)]
    public void Words_after_a_comma_among_the_last_twenty_tokens_move_to_the_next_chunk(int comma, int first, int second)
    {
        IReadOnlyList<PromptChunk> chunks = _chunker.Split($"{Cats(comma)}, {Cats(75 - comma)}");
        Assert.Equal([first, second], chunks.Select(chunk => chunk.TextLength));
        Assert.Equal(Comma, chunks[0].Ids[1 + comma]);
    }

    [Fact]
    public void A_comma_that_does_not_fit_into_a_chunk_moves_no_words() =>
        Assert.Equal([75, 2], _chunker.Split($"{Cats(60)}, {Cats(14)}, cat").Select(chunk => chunk.TextLength));

    /// <summary>The cases are random words and commas with the lengths of the chunks that the original makes of them.</summary>
    [Fact]
    public void Random_prompts_have_the_chunks_of_the_original()
    {
        foreach (JsonObject entry in CaseFile.Read("prompt-chunks.jsonl"))
        {
            Assert.Equal(
                entry["lengths"]!.AsArray().Select(length => length!.GetValue<int>()),
                _chunker.Split(PromptAttention.Parse(entry["text"]!.GetValue<string>())).Select(chunk => chunk.TextLength));
        }
    }

    [Fact]
    public void Weights_move_to_the_next_chunk_with_their_words()
    {
        IReadOnlyList<PromptChunk> chunks = _chunker.Split(PromptAttention.Parse($"{Cats(70)}, ({Cats(6)}:1.5) cat"));
        Assert.Equal([71, 7], chunks.Select(chunk => chunk.TextLength));
        Assert.Equal(Enumerable.Repeat(1f, 77), chunks[0].Weights);
        Assert.Equal([1f, .. Enumerable.Repeat(1.5f, 6), 1f, 1f], chunks[1].Weights[..9]);
    }

    [Theory]
    [InlineData("cat BREAK cat cat", new[] { 1, 2 })]
    [InlineData("BREAK cat", new[] { 0, 1 })]
    [InlineData("cat BREAK", new[] { 1 })]
    [InlineData("cat BREAK BREAK cat", new[] { 1, 0, 1 })]
    [InlineData("BREAK", new[] { 0 })]
    public void A_break_begins_a_new_chunk(string text, int[] lengths) =>
        Assert.Equal(lengths, _chunker.Split(PromptAttention.Parse(text)).Select(chunk => chunk.TextLength));

    [Fact]
    public void A_plain_prompt_keeps_its_brackets_and_breaks_as_text()
    {
        PromptChunk chunk = Assert.Single(_chunker.Split("(cat:1.5) BREAK"));
        Assert.Equal(real.Tokenizer.EncodeWindow("(cat:1.5) BREAK", 77).Ids, chunk.Ids);
        Assert.All(chunk.Weights, weight => Assert.Equal(1, weight));
    }

    [Fact]
    public void The_padding_after_the_end_is_the_tokenizers_pad_token()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in (string[])["vocab.json", "merges.txt"])
        {
            File.Copy(Path.Combine(real.Folder, file), folder.Combine(file));
        }
        File.WriteAllText(folder.Combine("tokenizer_config.json"), "{\"pad_token\": \"!\"}");
        var chunker = new PromptChunker(ClipTokenizer.Load(folder.FullPath), 6);
        Assert.Equal([Start, Cat, End, 0, 0, 0], Assert.Single(chunker.Split("cat")).Ids);
        Assert.Equal([Start, End, 0, 0, 0, 0], chunker.Empty.Ids);
    }

    [Fact]
    public void A_truncated_prompt_is_its_first_chunk_with_the_text_that_was_cut()
    {
        IReadOnlyList<PromptChunk> chunks = _chunker.Split(PromptAttention.Parse($"{Cats(60)}, {Cats(14)} (Dog:1.2) BREAK Owl"));
        (PromptChunk first, string? cut) = _chunker.Truncate(chunks);
        Assert.Same(chunks[0], first);
        Assert.Equal($"{Cats(14)} dog owl", cut);
        Assert.Null(_chunker.Truncate(_chunker.Split("cat")).Cut);
    }

    [Fact]
    public void A_shorter_prompt_is_filled_up_with_empty_chunks()
    {
        IReadOnlyList<PromptChunk> positive = _chunker.Split(Cats(200));
        IReadOnlyList<PromptChunk> negative = _chunker.Split("dog");
        IReadOnlyList<IReadOnlyList<PromptChunk>> level = _chunker.Level(positive, negative);
        Assert.Equal(positive, level[0]);
        Assert.Equal([negative[0], _chunker.Empty, _chunker.Empty], level[1]);
    }

    [Fact]
    public void The_chunks_ids_and_weights_are_the_pieces_in_order() =>
        Gen.Select(Parts, Gen.Int[3, 80]).Sample((parts, window) =>
        {
            var chunker = new PromptChunker(real.Tokenizer, window);
            IReadOnlyList<PromptChunk> chunks = chunker.Split(parts);
            (long, float)[] expected =
            [
                .. parts.Where(part => !part.IsBreak)
                    .SelectMany(part => real.Tokenizer.Encode(part.Text).Skip(1).SkipLast(1).Select(id => ((long)id, (float)part.Weight))),
            ];
            Assert.Equal(expected, chunks.SelectMany(chunk => chunk.Ids.Zip(chunk.Weights).Skip(1).Take(chunk.TextLength)));
            Assert.All(chunks, chunk =>
            {
                Assert.Equal(Start, chunk.Ids[0]);
                Assert.Equal(window, chunk.Ids.Length);
                Assert.All(chunk.Ids[(chunk.TextLength + 1)..], id => Assert.Equal(End, id));
                Assert.All(chunk.Weights[(chunk.TextLength + 1)..], weight => Assert.Equal(1, weight));
            });
        }, iter: 300);

    [Fact]
    public void A_plain_prompt_that_fits_into_one_chunk_has_the_windows_ids() =>
        Gen.String.Where(text => text.All(character => !char.IsSurrogate(character)) && real.Tokenizer.Encode(text).Count <= 77)
            .Sample(text => Assert.Equal(real.Tokenizer.EncodeWindow(text, 77).Ids, Assert.Single(_chunker.Split(text)).Ids), iter: 500);

    [Fact]
    public void A_weight_beyond_float32_is_refused() =>
        Assert.Contains(
            "1E+39", Assert.Throws<ArgumentException>(() => _chunker.Split([new WeightedText("cat", 1e39)])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_window_without_room_for_text_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new PromptChunker(real.Tokenizer, 2));

    private static string Cats(int count) => string.Join(' ', Enumerable.Repeat("cat", count));
}
