using System.Text.RegularExpressions;

namespace Brownian.Program.Tests.Documents;

/// <summary>A page of the documentation.</summary>
/// <param name="name">Its path, such as <c>docs/tls.md</c>.</param>
internal sealed partial class Page(string name)
{
    private const string Indent = "    ";

    private readonly string[] _lines = File.ReadAllLines(Repository.Combine(name.Split('/')));

    /// <summary>The whole page.</summary>
    public string Text => string.Join('\n', _lines);

    /// <summary>The content of the first block of code in a language.</summary>
    public string Block(string language)
    {
        string[] rest = [.. _lines.SkipWhile(line => line != "```" + language).Skip(1)];
        Assert.NotEmpty(rest);
        return string.Join('\n', rest.TakeWhile(line => line != "```")) + "\n";
    }

    /// <summary>
    /// The page's indented blocks in their order: each line of a block of commands is a command, continued after a backslash, and a block that begins
    /// with a brace is the file of JSON that the text before it or the command after it names.
    /// </summary>
    public IEnumerable<PageCommand> Commands()
    {
        bool fenced = false;
        for (int i = 0; i < _lines.Length; i++)
        {
            fenced ^= _lines[i].StartsWith("```", StringComparison.Ordinal);
            if (fenced || !IsCode(i) || (i > 0 && IsCode(i - 1)))
            {
                continue;
            }
            int end = i;
            while (end < _lines.Length && IsCode(end))
            {
                end++;
            }
            string[] block = [.. _lines[i..end].Select(line => line[Indent.Length..])];
            if (block[0].StartsWith('{'))
            {
                if (FileOf(i, end) is { } file)
                {
                    yield return new PageCommand(i + 1, string.Join('\n', block), file);
                }
                continue;
            }
            for (int line = 0; line < block.Length; line++)
            {
                int first = line;
                string command = block[line];
                while (command.EndsWith('\\') && line + 1 < block.Length)
                {
                    command = command[..^1] + block[++line].TrimStart();
                }
                yield return new PageCommand(i + first + 1, command);
            }
        }
    }

    private bool IsCode(int line) => _lines[line].StartsWith(Indent, StringComparison.Ordinal);

    /// <summary>
    /// The file whose content is in a block: the last one named in the three lines before it, or the first one in the next command.
    /// </summary>
    private string? FileOf(int start, int end)
    {
        Match before = FileBefore().Match(string.Join('\n', _lines[Math.Max(0, start - 3)..start]));
        Match after = FileAfter().Match(string.Join('\n', _lines[end..Math.Min(_lines.Length, end + 4)]));
        return before.Success ? before.Groups[1].Value : after.Success ? after.Groups[1].Value : null;
    }

    [GeneratedRegex(@"`(?:brownian generate --request )?([a-z-]+\.json)\b[^{}]*?$", RegexOptions.RightToLeft)]
    private static partial Regex FileBefore();

    [GeneratedRegex(@"^    brownian [a-z]+ --request ([a-z-]+\.json)", RegexOptions.Multiline)]
    private static partial Regex FileAfter();
}
