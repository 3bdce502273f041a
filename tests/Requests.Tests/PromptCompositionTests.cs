using System.Text.Json.Nodes;
using Brownian.Inference.Tests.Prompts;
using Brownian.Requests.Prompts;
using CsCheck;

namespace Brownian.Requests.Tests;

public sealed class PromptCompositionTests
{
    /// <summary>The cases are random texts with the results of the original's patterns under Python's <c>re</c>.</summary>
    [Fact]
    public void Random_texts_have_the_prompts_and_weights_of_the_original()
    {
        var wrong = new List<string>();
        foreach (JsonObject entry in CaseFile.Read("prompt-compositions.jsonl"))
        {
            WeightedText[] expected =
                [.. entry["prompts"]!.AsArray().Select(part => new WeightedText(part![0]!.GetValue<string>(), part[1]!.GetValue<double>()))];
            IReadOnlyList<WeightedText> actual = PromptComposition.Parse(entry["text"]!.GetValue<string>());
            if (!expected.SequenceEqual(actual))
            {
                wrong.Add($"{entry.ToJsonString()}: got {string.Join(' ', actual)}");
            }
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public void Prompts_are_separated_by_AND_and_weighted_by_the_number_after_a_colon() =>
        Assert.Equal(
            [new WeightedText("a", 1), new WeightedText(" b", 0.5), new WeightedText(" sANDy (c:1.2)", 1), new WeightedText("", -2)],
            PromptComposition.Parse("a AND b :0.5 AND sANDy (c:1.2) AND : -2"));

    [Fact]
    public void Any_text_is_read_and_one_without_colon_and_AND_keeps_all_but_trailing_spaces() =>
        Gen.String.Sample(text =>
        {
            IReadOnlyList<WeightedText> prompts = PromptComposition.Parse(text);
            return prompts.Count > 0
                && (text.Contains(':', StringComparison.Ordinal) || text.Contains("AND", StringComparison.Ordinal)
                    || (prompts is [{ Weight: 1 } only] && text.StartsWith(only.Text, StringComparison.Ordinal)));
        });
}
