using Brownian.Models.Plans;
using Brownian.Requests.Prompts;

namespace Brownian.Models.Families;

/// <summary>The texts that a request's prompts consist of, and when each is used.</summary>
/// <param name="Texts">The texts to encode, by output: <c>prompt</c> and <c>negative</c>, and further ones with numbers.</param>
/// <param name="Guides">See <see cref="DenoiseSettings.Prompts"/>.</param>
/// <param name="Negative">See <see cref="DenoiseSettings.Negative"/>.</param>
/// <param name="Inputs">The outputs that <paramref name="Guides"/> and <paramref name="Negative"/> name.</param>
internal sealed record PlannedPrompts(
    IReadOnlyDictionary<string, TextPrompt> Texts, IReadOnlyList<PromptGuide> Guides, PromptGuide? Negative, IReadOnlyList<string> Inputs)
{
    /// <summary>The largest number of prompts that are joined by AND: each is a row of the denoiser's batch.</summary>
    private const int MaxTogether = 16;

    /// <summary>Plans the prompts of a request.</summary>
    /// <exception cref="FieldFaultException">Too many prompts are joined by AND, or a weight is beyond a float32's range.</exception>
    public static PlannedPrompts Of(ResolvedRequest request)
    {
        var texts = new Dictionary<string, TextPrompt>();
        if (request.Request.PromptSyntax == PromptSyntax.Plain)
        {
            texts["prompt"] = Prompt(request, request.Prompt, request.Prompt2);
            if (request.NegativePrompt is { } plain)
            {
                texts["negative"] = Prompt(request, plain, request.NegativePrompt2);
            }
            return new PlannedPrompts(texts, [], null, []);
        }
        int steps = request.Steps;
        IReadOnlyList<WeightedText> together = PromptComposition.Parse(request.Prompt);
        var faults = new List<FieldFault>();
        if (together.Count > MaxTogether)
        {
            throw new FieldFaultException(
                new FieldFault("prompt", $"has {together.Count} parts that are joined by AND; allowed: up to {MaxTogether}"));
        }
        if (together.Any(part => !float.IsFinite((float)part.Weight)))
        {
            faults.Add(new FieldFault("prompt", TooHeavy));
        }
        PromptGuide[] guides = [.. together.Select(part => new PromptGuide(part.Weight, Steps("prompt", part.Text, request.Prompt2)))];
        PromptGuide? negative = request.NegativePrompt is { } text ? new PromptGuide(1, Steps("negative", text, request.NegativePrompt2)) : null;
        if (faults.Count > 0)
        {
            throw new FieldFaultException([.. faults.Distinct()]);
        }
        // A single prompt that does not change is passed through the plain inputs.
        guides = guides is [{ Weight: 1, Steps.Count: 1 }] ? [] : guides;
        negative = negative is { Steps.Count: 1 } ? null : negative;
        return new PlannedPrompts(
            texts, guides, negative,
            [
                .. guides.Append(negative).OfType<PromptGuide>().SelectMany(guide => guide.Steps).Select(step => step.Input["text-".Length..])
                    .Distinct()
            ]);

        PromptStep[] Steps(string output, string whole, string? second)
        {
            var list = new List<PromptStep>();
            foreach (ScheduledText scheduled in PromptSchedule.Parse(whole, steps))
            {
                if (PromptAttention.Parse(scheduled.Text).Any(piece => !float.IsFinite((float)piece.Weight)))
                {
                    faults.Add(new FieldFault(output == "negative" ? "negative_prompt" : "prompt", TooHeavy));
                }
                string input = "text-" + Name(output, Prompt(request, scheduled.Text, second));
                if (list is [.., var last] && last.Input == input)
                {
                    list[^1] = last with { LastStep = scheduled.LastStep };
                }
                else
                {
                    list.Add(new PromptStep(scheduled.LastStep, input));
                }
            }
            return [.. list];
        }

        string Name(string output, TextPrompt prompt)
        {
            if (texts.FirstOrDefault(known => known.Value == prompt && known.Key.StartsWith(output, StringComparison.Ordinal)).Key is { } same)
            {
                return same;
            }
            string name = texts.ContainsKey(output) ? string.Create(CultureInfo.InvariantCulture, $"{output}-{texts.Count}") : output;
            texts[name] = prompt;
            return name;
        }
    }

    private static string TooHeavy => string.Create(
        CultureInfo.InvariantCulture, $"has a weight that is beyond {float.MaxValue}: fewer brackets, or a smaller number");

    private static TextPrompt Prompt(ResolvedRequest request, string text, string? second) => new()
    {
        Text = text,
        Second = second,
        ClipSkip = request.Request.ClipSkip ?? 0,
        Syntax = request.Request.PromptSyntax,
        IsLong = request.Request.LongPrompt,
    };
}
