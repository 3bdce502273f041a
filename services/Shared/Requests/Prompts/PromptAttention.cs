using System.Buffers;

namespace Brownian.Requests.Prompts;

/// <summary>
/// Parses attention weights in AUTOMATIC1111's syntax (<c>parse_prompt_attention</c> in stable-diffusion-webui's <c>modules/prompt_parser.py</c>):
/// <c>(a)</c> multiplies the weight by 1.1, <c>[a]</c> by 1/1.1, <c>(a:1.3)</c> by 1.3; nested weights multiply. An unclosed bracket extends to the
/// end, an unopened one is text; <c>\( \) \[ \] \\</c> are the characters themselves, and another backslash is dropped. The word BREAK begins a new
/// chunk.
/// </summary>
/// <remarks>
/// Differs from the original in two cases. Inside brackets BREAK begins a chunk too, where the original reads a word "BREAK" of weight -1 times the
/// bracket's. <c>(a:1.2.3)</c>, whose number is invalid or outside a double's range, is text in brackets, where the original fails.
/// </remarks>
public static class PromptAttention
{
    private const double Round = 1.1;
    private const double Square = 1 / 1.1;
    private static readonly SearchValues<char> Special = SearchValues.Create(@"\()[]:");

    /// <summary>Parses a prompt's weights.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>
    /// At least one piece; neighbours differ in weight or are separated by a break. Thousands of nested brackets make a weight infinite.
    /// </returns>
    public static IReadOnlyList<WeightedText> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = new List<Part>();
        var round = new Stack<int>();
        var square = new Stack<int>();
        for (int i = 0; i < text.Length;)
        {
            switch (text[i])
            {
                case '\\':
                    bool isEscape = i + 1 < text.Length && text[i + 1] is '(' or ')' or '[' or ']' or '\\';
                    parts.Add(new Part(isEscape ? text.Substring(i + 1, 1) : "", 1));
                    i += isEscape ? 2 : 1;
                    break;
                case '(':
                    round.Push(parts.Count);
                    i++;
                    break;
                case '[':
                    square.Push(parts.Count);
                    i++;
                    break;
                case ':' when round.Count > 0 && TryReadClosingWeight(text, i, out double weight, out int next):
                    Multiply(parts, round.Pop(), weight);
                    i = next;
                    break;
                case ')' when round.TryPop(out int start):
                    Multiply(parts, start, Round);
                    i++;
                    break;
                case ']' when square.TryPop(out int start):
                    Multiply(parts, start, Square);
                    i++;
                    break;
                default:
                    int length = Special.Contains(text[i]) ? 1 : text.AsSpan(i).IndexOfAny(Special);
                    int end = length < 0 ? text.Length : i + length;
                    AddText(parts, text[i..end]);
                    i = end;
                    break;
            }
        }
        // From the outermost bracket inwards, round brackets before square ones: products of doubles depend on the order, and pieces with equal
        // products are merged.
        foreach (int start in round.Reverse())
        {
            Multiply(parts, start, Round);
        }
        foreach (int start in square.Reverse())
        {
            Multiply(parts, start, Square);
        }
        return Merge(parts);
    }

    /// <summary>Reads <c>:1.3)</c>, with or without spaces around the number.</summary>
    private static bool TryReadClosingWeight(string text, int colon, out double weight, out int next)
    {
        int start = colon + 1;
        while (start < text.Length && PromptText.IsSpace(text[start]))
        {
            start++;
        }
        int end = start;
        while (end < text.Length && (text[end] is '+' or '-' or '.' || char.IsDigit(text[end])))
        {
            end++;
        }
        int close = end;
        while (close < text.Length && PromptText.IsSpace(text[close]))
        {
            close++;
        }
        next = close + 1;
        weight = 0;
        return close < text.Length && text[close] == ')' && PromptText.TryReadWeight(text[start..end], out weight);
    }

    private static void AddText(List<Part> parts, string text)
    {
        IReadOnlyList<string> pieces = PromptText.SplitAtWord(text, WeightedText.Break.Text);
        for (int i = 0; i < pieces.Count; i++)
        {
            string piece = pieces[i];
            if (i > 0)
            {
                parts.Add(new Part(WeightedText.Break.Text, 1, IsBreak: true));
                piece = PromptText.TrimStart(piece);
            }
            parts.Add(new Part(i < pieces.Count - 1 ? PromptText.TrimEnd(piece) : piece, 1));
        }
    }

    private static void Multiply(List<Part> parts, int start, double factor)
    {
        for (int i = start; i < parts.Count; i++)
        {
            if (!parts[i].IsBreak)
            {
                parts[i] = parts[i] with { Weight = parts[i].Weight * factor };
            }
        }
    }

    private static List<WeightedText> Merge(List<Part> parts)
    {
        var merged = new List<WeightedText>();
        for (int i = 0; i < parts.Count;)
        {
            int end = i + 1;
            while (end < parts.Count && !parts[i].IsBreak && !parts[end].IsBreak && parts[end].Weight == parts[i].Weight)
            {
                end++;
            }
            merged.Add(
                parts[i].IsBreak ? WeightedText.Break : new WeightedText(string.Concat(parts[i..end].Select(part => part.Text)), parts[i].Weight));
            i = end;
        }
        return merged.Count > 0 ? merged : [new WeightedText("", 1)];
    }

    private readonly record struct Part(string Text, double Weight, bool IsBreak = false);
}
