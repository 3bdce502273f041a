using System.Text;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Requests;
using Brownian.Requests.Prompts;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Prompts in AUTOMATIC1111's syntax. Every text is a prompt.</summary>
internal sealed class PromptTarget : FuzzTarget
{
    private const int Steps = 30;

    public override int CasesPerSecond => 20_000;

    public override int MaxLength => GenerationRequest.MaxPromptLength;

    public override IReadOnlyList<string> Tokens =>
    [
        "(", ")", "[", "]", ":", "|", "\\", "BREAK", " AND ", ":1.5)", "(a:1.1)", "[a:b:8]", "[a|b|c]", "[a::0.5]", "[b:3]", "\\(", "٣", "1e5",
        "<lora:x:1>", "\n", "🍎",
    ];

    public override IEnumerable<FuzzInput> Seeds() => SeedFiles.Texts(
        "prompt", "red apple, flat", "(red:1.3) apple, [flat], ((noto)), \\(x\\)", "a [cat:dog:0.5] [x|y|z] (b:1.2) BREAK c", "a AND b :0.5 AND c:-1",
        "[[a:b:3]:[c|d]:8] (((e)):0.3)", "((((((((((", "]]]]]", "[a:b:c:d:5]");

    public override void Run(FuzzInput input)
    {
        string text = Encoding.UTF8.GetString(input.Bytes);
        text = text[..Math.Min(text.Length, GenerationRequest.MaxPromptLength)];
        foreach (WeightedText part in PromptComposition.Parse(text))
        {
            IReadOnlyList<ScheduledText> schedule = PromptSchedule.Parse(part.Text, Steps);
            Require(schedule[^1].LastStep == Steps, "the schedule does not end at the last step");
            foreach (ScheduledText scheduled in schedule.Take(3))
            {
                Require(PromptAttention.Parse(scheduled.Text).All(weighted => !double.IsNaN(weighted.Weight)), "a weight is not a number");
            }
        }
        PromptText.SplitAtWord(text, "AND");
    }

    public override bool IsDocumented(Exception exception) => false;

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException(what);
        }
    }
}
