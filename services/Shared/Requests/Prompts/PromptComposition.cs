namespace Brownian.Requests.Prompts;

/// <summary>
/// Parses prompts that guide a run together, in AUTOMATIC1111's syntax (<c>get_multicond_prompt_list</c> in stable-diffusion-webui's
/// <c>modules/prompt_parser.py</c>): <c>a AND b :0.5</c> is a with weight 1 and b with weight 0.5. The method is composable diffusion (Liu et al.
/// 2022, arXiv:2206.01714). Applied before <see cref="PromptSchedule"/>, and only to the positive prompt.
/// </summary>
public static class PromptComposition
{
    /// <summary>Splits a prompt at the word AND, also inside brackets.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>
    /// At least one prompt, without trailing spaces. A number after the last colon is the weight, even of a single prompt; a number outside a
    /// double's range is text.
    /// </returns>
    public static IReadOnlyList<WeightedText> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. PromptText.SplitAtWord(text, "AND").Select(ReadWeight)];
    }

    private static WeightedText ReadWeight(string text)
    {
        text = PromptText.TrimEnd(text);
        int colon = text.LastIndexOf(':');
        return colon >= 0 && PromptText.TryReadWeight(PromptText.TrimStart(text[(colon + 1)..]), out double weight)
            ? new WeightedText(PromptText.TrimEnd(text[..colon]), weight)
            : new WeightedText(text, 1);
    }
}
