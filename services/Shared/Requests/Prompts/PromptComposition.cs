namespace Brownian.Requests.Prompts;

/// <summary>
/// Prompts that guide a run together, in AUTOMATIC1111's syntax (<c>get_multicond_prompt_list</c> in stable-diffusion-webui's
/// <c>modules/prompt_parser.py</c>): <c>a AND b :0.5</c> is a with weight 1 and b with weight 0.5. The method is composable
/// diffusion (Liu et al. 2022, arXiv:2206.01714). Read before <see cref="PromptSchedule"/>, and there only in the positive prompt.
/// </summary>
public static class PromptComposition
{
    /// <summary>Splits a prompt at the word AND, inside brackets too.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>
    /// At least one prompt, without the spaces after it. A number after a last colon is its weight even where there is one prompt alone;
    /// one beyond a double's range is text.
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
