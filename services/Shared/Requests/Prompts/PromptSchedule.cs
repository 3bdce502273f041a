using System.Buffers;
using System.Text;

namespace Brownian.Requests.Prompts;

/// <summary>
/// Parses prompts that change during a run, in AUTOMATIC1111's syntax (<c>get_learned_conditioning_prompt_schedules</c> and its grammar in
/// stable-diffusion-webui's <c>modules/prompt_parser.py</c>, release 1.10): <c>[a:b:8]</c> is a up to step 8 and b after it, <c>[b:8]</c> is b after
/// step 8, <c>[a::8]</c> is a up to step 8, <c>[a|b|c]</c> alternates at every step; they nest. A number with a decimal point is a share of the
/// steps: 0.5 is half of them, 1.0 all. Other brackets and colons are kept, for <see cref="PromptAttention"/>. As in the original, a bar outside of
/// <c>[a|b]</c>, or a backslash before the end of the text or of a line, makes the whole prompt plain text.
/// </summary>
/// <remarks>
/// If unbalanced brackets allow several parses of a text, the original's choice varies with Python's hash seed; here every bracket that can be a
/// change is one. A number too large for the original's arithmetic stands for all steps.
/// </remarks>
public static class PromptSchedule
{
    private static readonly SearchValues<char> OfNumbers = SearchValues.Create("0123456789.+-eE");

    /// <summary>Parses a prompt's changes.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="steps">The number of steps of the run, at least 1.</param>
    /// <returns>
    /// At least one entry; their last steps increase, and the last one is <paramref name="steps"/>. Neighbours may have the same text.
    /// </returns>
    public static IReadOnlyList<ScheduledText> Parse(string text, int steps)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        if (FindEdits(text, steps) is not { } edits)
        {
            return [new ScheduledText(steps, text)];
        }
        IEnumerable<int> lasts = edits.Values.Any(edit => edit.LastStep is null)
            ? Enumerable.Range(1, steps)
            : edits.Values.Select(edit => edit.LastStep!.Value).Where(last => last > 0).Append(steps).Distinct().Order();
        return [.. lasts.Select(step => new ScheduledText(step, TextAt(text, edits, step)))];
    }

    /// <summary>Finds the changes by the position of their bracket; null when the text does not match the grammar.</summary>
    private static Dictionary<int, Edit>? FindEdits(string text, int steps)
    {
        var edits = new Dictionary<int, Edit>();
        var open = new Stack<Bracket>();
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\':
                    i++;
                    if (i == text.Length || text[i] == '\n')
                    {
                        return null;
                    }
                    break;
                case '(' or '[':
                    open.Push(new Bracket(i, []));
                    break;
                case '|' when open.Count == 0:
                    return null;
                case ':' or '|' when open.Count > 0:
                    open.Peek().Marks.Add(i);
                    break;
                case ')' or ']':
                    if (open.TryPeek(out Bracket? bracket) && IsClosed(text, bracket, i, steps, out Edit? edit))
                    {
                        open.Pop();
                        if (edit is not null)
                        {
                            edits.Add(bracket.Start, edit);
                        }
                    }
                    // A bracket that is only text cannot be inside another one that is a change.
                    else if (HaveBar(text, open))
                    {
                        return null;
                    }
                    else
                    {
                        open.Clear();
                    }
                    break;
            }
        }
        return HaveBar(text, open) ? null : edits;
    }

    private static bool HaveBar(string text, Stack<Bracket> open) => open.Any(bracket => bracket.Marks.Any(mark => text[mark] == '|'));

    /// <summary>Whether a bracket with its end matches the grammar.</summary>
    private static bool IsClosed(string text, Bracket bracket, int end, int steps, out Edit? edit)
    {
        edit = null;
        int bars = bracket.Marks.Count(mark => text[mark] == '|');
        int colons = bracket.Marks.Count - bars;
        if (text[bracket.Start] == '(')
        {
            return text[end] == ')' && bars == 0 && colons <= 1;
        }
        if (text[end] != ']' || (bars > 0 && colons > 0) || colons > 2)
        {
            return false;
        }
        int[] bounds = [bracket.Start, .. bracket.Marks, end];
        Span[] options = [.. bounds.Zip(bounds.Skip(1), (before, after) => new Span(before + 1, after))];
        if (bars > 0)
        {
            edit = new Edit(options, null, end + 1);
        }
        else if (colons > 0)
        {
            if (!TryReadStep(text[options[^1].Start..options[^1].End], steps, out int last))
            {
                return false;
            }
            edit = new Edit(colons == 2 ? options[..2] : [new Span(0, 0), options[0]], last, end + 1);
        }
        return true;
    }

    private static bool TryReadStep(string text, int steps, out int step)
    {
        step = 0;
        string number = PromptText.TrimStart(PromptText.TrimEnd(text));
        if (number.AsSpan().ContainsAnyExcept(OfNumbers)
            || !double.TryParse(
                number,
                NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                CultureInfo.InvariantCulture,
                out double value))
        {
            return false;
        }
        step = (int)Math.Clamp(number.Contains('.', StringComparison.Ordinal) ? value * steps : value, 0, steps);
        return true;
    }

    /// <summary>
    /// Resolves the text with the chosen options. It uses an explicit stack, because brackets may be nested as deep as the text is long.
    /// </summary>
    private static string TextAt(string text, Dictionary<int, Edit> edits, int step)
    {
        var result = new StringBuilder();
        var outer = new Stack<Span>();
        var span = new Span(0, text.Length);
        while (true)
        {
            if (span.Start == span.End)
            {
                if (!outer.TryPop(out span))
                {
                    return result.ToString();
                }
            }
            else if (edits.TryGetValue(span.Start, out Edit? edit))
            {
                outer.Push(span with { Start = edit.Next });
                span = edit.At(step);
            }
            else
            {
                result.Append(text[span.Start]);
                span = span with { Start = span.Start + 1 };
            }
        }
    }

    private readonly record struct Span(int Start, int End);

    private sealed record Bracket(int Start, List<int> Marks);

    /// <param name="Options">The options: before and after a step, or alternating.</param>
    /// <param name="LastStep">The last step of the first option; null for alternating options.</param>
    /// <param name="Next">The position at which the text continues.</param>
    private sealed record Edit(Span[] Options, int? LastStep, int Next)
    {
        public Span At(int step) => LastStep is { } last ? Options[step <= last ? 0 : 1] : Options[(step - 1) % Options.Length];
    }
}
