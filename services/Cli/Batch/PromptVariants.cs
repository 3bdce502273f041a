using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;

namespace Brownian.Cli.Batch;

/// <summary>
/// Chooses among the variants in prompts: <c>{a|b}</c> is one of its alternatives, and <c>__name__</c> is a line of <c>name.txt</c> in a folder,
/// which may contain variants itself. The choice depends only on the image's seed, the field and the text, so that the same request gives the same
/// prompt.
/// A backslash before a brace makes it a character of the prompt.
/// </summary>
/// <param name="folder">The folder of the files; null for none.</param>
internal sealed class PromptVariants(string? folder)
{
    /// <summary>The fields whose text may have variants.</summary>
    private static readonly string[] Fields =
        ["prompt", "negative_prompt", "prompt_2", "negative_prompt_2", "prompt_3", "negative_prompt_3"];

    private const int MaxDepth = 16;
    private const int MaxLength = 1 << 20;
    private const string Mark = "__";

    private readonly Dictionary<string, string[]> _lines = new(StringComparer.Ordinal);

    /// <summary>Whether a text has the form of variants.</summary>
    public static bool AreIn(string text) =>
        text.Contains('{', StringComparison.Ordinal) || NameAt(text, text.IndexOf(Mark, StringComparison.Ordinal)) is not null;

    /// <summary>Chooses the variants of a request's prompts.</summary>
    /// <param name="request">The request, of one image.</param>
    /// <param name="seed">The image's seed.</param>
    /// <exception cref="FieldFaultException">A prompt has variants that cannot be chosen.</exception>
    public void Choose(JsonObject request, ulong seed)
    {
        var faults = new List<FieldFault>();
        foreach (string field in Fields)
        {
            if (request[field] is JsonValue value && value.TryGetValue(out string? text))
            {
                try
                {
                    request[field] = Choose(text, seed, field);
                }
                catch (InvalidDataException exception)
                {
                    faults.Add(new FieldFault(field, exception.Message));
                }
            }
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
    }

    /// <summary>Chooses the variants of a text.</summary>
    /// <exception cref="InvalidDataException">
    /// The text has variants that cannot be chosen; the message is the continuation of a field's name.
    /// </exception>
    public string Choose(string text, ulong seed, string field)
    {
        var choice = new Choice(seed, field, text);
        return Expand(text, choice, 0);
    }

    private string Expand(string text, Choice choice, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new InvalidDataException($"has variants within variants; allowed: up to {MaxDepth} levels (a file may name itself)");
        }
        var result = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] is '{' or '}')
            {
                result.Append(text[++i]);
            }
            else if (text[i] == '{')
            {
                int end = EndOf(text, i);
                string[] alternatives = [.. Alternatives(text[(i + 1)..end])];
                result.Append(Expand(alternatives[choice.Next(alternatives.Length)], choice, depth + 1));
                i = end;
            }
            else if (NameAt(text, i) is { } name)
            {
                string[] lines = LinesOf(name);
                result.Append(Expand(lines[choice.Next(lines.Length)], choice, depth + 1));
                i += name.Length + (2 * Mark.Length) - 1;
            }
            else
            {
                result.Append(text[i]);
            }
            if (result.Length > MaxLength)
            {
                throw new InvalidDataException($"has variants of more than {MaxLength} characters");
            }
        }
        return result.ToString();
    }

    /// <summary>Returns the index of the brace that closes the one at an index.</summary>
    private static int EndOf(string text, int start)
    {
        int depth = 0;
        for (int i = start; i < text.Length; i++)
        {
            if (text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == '{')
            {
                depth++;
            }
            else if (text[i] == '}' && --depth == 0)
            {
                return i;
            }
        }
        throw new InvalidDataException($"has a {{ without a }} at character {start + 1}; allowed: {{a|b}}, or \\{{ for the brace itself");
    }

    /// <summary>Splits at the bars that are in no inner brace.</summary>
    private static IEnumerable<string> Alternatives(string text)
    {
        int depth = 0, start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\':
                    i++;
                    break;
                case '{':
                    depth++;
                    break;
                case '}':
                    depth--;
                    break;
                case '|' when depth == 0:
                    yield return text[start..i];
                    start = i + 1;
                    break;
            }
        }
        yield return text[start..];
    }

    /// <summary>Returns the name between two marks of which the first is at an index; null when there is none.</summary>
    private static string? NameAt(string text, int start)
    {
        if (start < 0 || string.CompareOrdinal(text, start, Mark, 0, Mark.Length) != 0)
        {
            return null;
        }
        int first = start + Mark.Length, end = text.IndexOf(Mark, first, StringComparison.Ordinal);
        return end > first && text[first] != '/' && text[first..end].All(letter => char.IsLetterOrDigit(letter) || letter is '_' or '-' or '/')
            ? text[first..end]
            : null;
    }

    private string[] LinesOf(string name)
    {
        if (_lines.TryGetValue(name, out string[]? known))
        {
            return known;
        }
        if (folder is null)
        {
            throw new InvalidDataException($"names the wildcard __{name}__; allowed: --wildcards FOLDER, with a file {name}.txt in the folder");
        }
        string file = Path.Combine(folder, name + ".txt");
        try
        {
            string[] lines =
            [
                .. File.ReadAllLines(file).Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith('#')),
            ];
            return _lines[name] = lines.Length > 0 ? lines : throw new InvalidDataException($"names the wildcard __{name}__, and {file} has no line");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            string[] names =
            [
                .. Directory.Exists(folder)
                    ? Directory.GetFiles(folder, "*.txt", SearchOption.AllDirectories)
                        .Select(found => Path.ChangeExtension(Path.GetRelativePath(folder, found), null).Replace('\\', '/'))
                    : [],
            ];
            throw new InvalidDataException(
                $"names the wildcard __{name}__, and {file} cannot be read: {FileReason.Of(exception, file)}{Spelling.Hint(name, names)}");
        }
    }

    /// <summary>A sequence of choices: SHA-256 of the seed, the field, the text and a counter.</summary>
    private sealed class Choice(ulong seed, string field, string text)
    {
        private readonly byte[] _start =
            Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{seed}\n{field}\n{text}\n"));

        private int _count;

        /// <summary>Returns a number from 0 to below a limit.</summary>
        public int Next(int limit)
        {
            byte[] number = Encoding.UTF8.GetBytes((_count++).ToString(CultureInfo.InvariantCulture));
            ulong value = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData([.. _start, .. number]));
            return (int)(value % (ulong)limit);
        }
    }
}
