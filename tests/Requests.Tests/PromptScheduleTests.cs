using System.Text.Json.Nodes;
using Brownian.Inference.Tests.Prompts;
using Brownian.Requests.Prompts;
using CsCheck;

namespace Brownian.Requests.Tests;

public sealed class PromptScheduleTests
{
    private static readonly Gen<string> Prompt = Gen.OneOf("(", ")", "[", "]", ":", "|", "2", ".5", "\\", "a ", "é", "\n", "[a:b:3]", "[a|b]")
        .Array[0, 20].Select(string.Concat);

    public static TheoryData<string, ScheduledText[]> Documented => new()
    {
        { "test", [new(10, "test")] },
        { "a [b:3]", [new(3, "a "), new(10, "a b")] },
        { "a [b: 3]", [new(3, "a "), new(10, "a b")] },
        { "a [[[b]]:2]", [new(2, "a "), new(10, "a [[b]]")] },
        { "[(a:2):3]", [new(3, ""), new(10, "(a:2)")] },
        { "a [b : c : 1] d", [new(1, "a b  d"), new(10, "a  c  d")] },
        { "a[b:[c:d:2]:1]e", [new(1, "abe"), new(2, "ace"), new(10, "ade")] },
        { "a [unbalanced", [new(10, "a [unbalanced")] },
        { "a [b:.5] c", [new(5, "a  c"), new(10, "a b c")] },
        { "((a][:b:c [d:3]", [new(3, "((a][:b:c "), new(10, "((a][:b:c d")] },
        { "[a|(b:1.1)]", InTurns("a", "(b:1.1)") },
        { "[fe|]male", InTurns("female", "male") },
        { "[fe|||]male", InTurns("female", "male", "male", "male") },
    };

    [Theory]
    [MemberData(nameof(Documented))]
    public void The_documented_examples_have_the_texts_of_the_original(string text, ScheduledText[] expected) =>
        Assert.Equal(expected, PromptSchedule.Parse(text, 10));

    [Fact]
    public void The_long_example_of_the_original_changes_at_its_steps() =>
        Assert.Equal(
            [
                new ScheduledText(25, "fantasy landscape with a mountain and an oak in foreground shoddy"),
                new ScheduledText(50, "fantasy landscape with a lake and an oak in foreground in background shoddy"),
                new ScheduledText(60, "fantasy landscape with a lake and an oak in foreground in background masterful"),
                new ScheduledText(75, "fantasy landscape with a lake and an oak in background masterful"),
                new ScheduledText(100, "fantasy landscape with a lake and a christmas tree in background masterful"),
            ],
            PromptSchedule.Parse(
                "fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in foreground::0.6][ in "
                    + "background:0.25] [shoddy:masterful:0.5]",
                100));

    /// <summary>The cases are random texts with the results of the original's grammar under lark 1.1.5, for any hash seed of Python.</summary>
    [Fact]
    public void Random_texts_have_the_schedules_of_the_original()
    {
        var wrong = new List<string>();
        foreach (JsonObject entry in CaseFile.Read("prompt-schedules.jsonl"))
        {
            ScheduledText[] expected =
                [.. entry["schedule"]!.AsArray().Select(part => new ScheduledText(part![0]!.GetValue<int>(), part[1]!.GetValue<string>()))];
            IReadOnlyList<ScheduledText> actual = PromptSchedule.Parse(entry["text"]!.GetValue<string>(), entry["steps"]!.GetValue<int>());
            if (!expected.SequenceEqual(actual))
            {
                wrong.Add($"{entry.ToJsonString()}: got {string.Join(' ', actual)}");
            }
        }
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("[a:b:1]", 1)]
    [InlineData("[a:b:1.0]", 10)]
    [InlineData("[a:b:0.29]", 2)]
    [InlineData("[a:b:99]", 10)]
    [InlineData("[a:b:1e999]", 10)]
    [InlineData("[a:b:2e0]", 2)]
    public void The_first_text_is_used_up_to_the_given_step_or_share_of_the_steps(string text, int last) =>
        Assert.Equal(new ScheduledText(last, "a"), PromptSchedule.Parse(text, 10)[0]);

    [Theory]
    [InlineData("[a:b:0]")]
    [InlineData("[a:b:-3]")]
    [InlineData("[a:b:.01]")]
    public void A_number_before_the_first_step_leaves_only_the_second_text(string text) =>
        Assert.Equal([new ScheduledText(10, "b")], PromptSchedule.Parse(text, 10));

    [Theory]
    [InlineData("a | b [c:3]")]
    [InlineData("[a:b|c:3]")]
    [InlineData("[c:3] (a|b)")]
    [InlineData("[c:3] [a|b")]
    [InlineData("[c:3]\\")]
    [InlineData("[c:3]\\\n")]
    [InlineData(@"\[a:b:3]")]
    [InlineData("[a:b:c:3]")]
    [InlineData("[a:b:nan]")]
    [InlineData("[a:b:]")]
    public void Text_outside_the_grammar_is_kept_as_text(string text) =>
        Assert.Equal([new ScheduledText(10, text)], PromptSchedule.Parse(text, 10));

    [Fact]
    public void Any_text_is_read_with_rising_steps_up_to_the_last() =>
        Gen.Select(Gen.OneOf(Prompt, Gen.String), Gen.Int[1, 12]).Sample((text, steps) =>
        {
            IReadOnlyList<ScheduledText> schedule = PromptSchedule.Parse(text, steps);
            return schedule[^1].LastStep == steps && schedule[0].LastStep >= 1
                && schedule.Zip(schedule.Skip(1)).All(pair => pair.First.LastStep < pair.Second.LastStep);
        });

    [Fact]
    public void A_text_without_square_brackets_is_unchanged() =>
        Gen.OneOf(Prompt, Gen.String).Where(text => !text.Contains('[', StringComparison.Ordinal))
            .Sample(text => Assert.Equal([new ScheduledText(7, text)], PromptSchedule.Parse(text, 7)));

    [Fact]
    public void Brackets_can_be_nested_as_deep_as_the_longest_prompt()
    {
        Assert.Equal([new ScheduledText(2, new string('[', 32_000))], PromptSchedule.Parse(new string('[', 32_000), 2));
        string deep = string.Concat(Enumerable.Repeat("[", 6_000)) + "a" + string.Concat(Enumerable.Repeat("::1]", 6_000));
        Assert.Equal([new ScheduledText(1, "a"), new ScheduledText(2, "")], PromptSchedule.Parse(deep, 2));
    }

    [Fact]
    public void A_schedule_for_no_steps_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PromptSchedule.Parse("a", 0));

    private static ScheduledText[] InTurns(params string[] texts) =>
        [.. Enumerable.Range(1, 10).Select(step => new ScheduledText(step, texts[(step - 1) % texts.Length]))];
}
