using System.Text.Json.Nodes;
using Brownian.Inference.Tests.Prompts;
using Brownian.Requests.Prompts;
using CsCheck;

namespace Brownian.Requests.Tests;

public sealed class PromptAttentionTests
{
    private static readonly Gen<string> Prompt = Gen.OneOf("(", ")", "[", "]", ":", "1.2", "\\", "a ", "é", "BREAK", " ", "\ud83d\ude00")
        .Array[0, 20].Select(string.Concat);

    public static TheoryData<string, WeightedText[]> Documented => new()
    {
        { "normal text", [new("normal text", 1)] },
        { "an (important) word", [new("an ", 1), new("important", 1.1), new(" word", 1)] },
        { "(unbalanced", [new("unbalanced", 1.1)] },
        { @"\(literal\]", [new("(literal]", 1)] },
        { "(unnecessary)(parens)", [new("unnecessaryparens", 1.1)] },
        {
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                new("a ", 1), new("house", 1.5730000000000004), new(" ", 1.1), new("on", 1), new(" a ", 1.1),
                new("hill", 0.55), new(", sun, ", 1.1), new("sky", 1.4641000000000006), new(".", 1.1),
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Documented))]
    public void The_documented_examples_have_the_weights_of_the_original(string text, WeightedText[] expected) =>
        Assert.Equal(expected, PromptAttention.Parse(text));

    /// <summary>The cases are random texts with the results of Python's <c>re</c> and the original's rules.</summary>
    [Fact]
    public void Random_texts_have_the_pieces_and_exact_weights_of_the_original()
    {
        var wrong = new List<string>();
        foreach (JsonObject entry in CaseFile.Read("prompt-attention.jsonl"))
        {
            WeightedText[] expected = [.. entry["parts"]!.AsArray().Select(part => ReadPart(part!.AsArray()))];
            IReadOnlyList<WeightedText> actual = PromptAttention.Parse(entry["text"]!.GetValue<string>());
            if (!expected.SequenceEqual(actual))
            {
                wrong.Add($"{entry.ToJsonString()}: got {string.Join(' ', actual)}");
            }
        }
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("[a]", "a", 1 / 1.1)]
    [InlineData("(a:0)", "a", 0)]
    [InlineData("(a : -1.5 )", "a ", -1.5)]
    [InlineData("((a:2):3)", "a", 6)]
    [InlineData("([a)", "a", 1.1 * (1 / 1.1))]
    [InlineData("a:1.2)", "a:1.2)", 1)]
    [InlineData("a]", "a]", 1)]
    [InlineData("(a:1.2.3)", "a:1.2.3", 1.1)]
    [InlineData("(a:.)", "a:.", 1.1)]
    [InlineData(@"\\ \a", @"\ a", 1)]
    [InlineData("", "", 1)]
    public void A_text_of_one_piece_has_its_weight(string text, string piece, double weight) =>
        Assert.Equal([new WeightedText(piece, weight)], PromptAttention.Parse(text));

    [Fact]
    public void A_break_separates_texts_without_the_spaces_around_it() =>
        Assert.Equal(
            [new WeightedText("a", 1), WeightedText.Break, new WeightedText("b BREAKS", 1), WeightedText.Break, new WeightedText("", 1)],
            PromptAttention.Parse("a \n BREAK  b BREAKS BREAK"));

    [Fact]
    public void A_break_inside_brackets_separates_texts_of_the_same_weight() =>
        Assert.Equal(
            [new WeightedText("a", 1.3), WeightedText.Break, new WeightedText("b", 1.3)],
            PromptAttention.Parse("(a BREAK b:1.3)"));

    [Fact]
    public void Any_text_is_read_and_neighbouring_pieces_differ_in_weight() =>
        Gen.OneOf(Prompt, Gen.String).Sample(text =>
        {
            IReadOnlyList<WeightedText> parts = PromptAttention.Parse(text);
            return parts.Count > 0
                && parts.Zip(parts.Skip(1)).All(pair => pair.First.IsBreak || pair.Second.IsBreak || pair.First.Weight != pair.Second.Weight);
        });

    [Fact]
    public void A_text_without_special_characters_is_unchanged() =>
        Gen.String.Select(text => string.Concat(text.Where(character => !@"\()[]:".Contains(character, StringComparison.Ordinal))))
            .Where(text => !text.Contains("BREAK", StringComparison.Ordinal))
            .Sample(text => Assert.Equal([new WeightedText(text, 1)], PromptAttention.Parse(text)));

    [Fact]
    public void An_escaped_text_is_read_unescaped_in_one_piece() =>
        Prompt.Where(text => !text.Contains("BREAK", StringComparison.Ordinal)).Sample(text =>
        {
            string escaped =
                string.Concat(text.Select(character => @"\()[]".Contains(character, StringComparison.Ordinal) ? $@"\{character}" : $"{character}"));
            Assert.Equal([new WeightedText(text, 1)], PromptAttention.Parse(escaped));
        });

    [Fact]
    public void Nested_weights_multiply() =>
        Gen.Int[-30, 30].Select(tenths => tenths / 10.0).Array[0, 6].Sample(weights =>
        {
            string text =
                new string('(', weights.Length) + "a" + string.Concat(weights.Select(weight => FormattableString.Invariant($":{weight:0.0})")));
            Assert.Equal(weights.Aggregate(1.0, (product, weight) => product * weight), Assert.Single(PromptAttention.Parse(text)).Weight);
        });

    [Fact]
    public void The_longest_prompt_can_consist_of_brackets_alone() =>
        Assert.Equal([new WeightedText("", 1)], PromptAttention.Parse(new string('(', 32_000)));

    private static WeightedText ReadPart(JsonArray part) =>
        part[1]!.GetValue<double>() == -1 && part[0]!.GetValue<string>() == "BREAK"
            ? WeightedText.Break
            : new WeightedText(part[0]!.GetValue<string>(), part[1]!.GetValue<double>());
}
