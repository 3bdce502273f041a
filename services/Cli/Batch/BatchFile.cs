using System.Text;
using System.Text.Json.Nodes;
using Brownian.Cli.Requests;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Cli.Batch;

/// <summary>
/// Reads a file of requests: JSON lines (one object a line), CSV (RFC 4180) with a header of field names, or one prompt a line. The file's extension
/// determines the format; without a known one, a file whose first character is a brace has JSON lines, and any other has prompts.
/// </summary>
internal static class BatchFile
{
    private const string OptionName = "--from-file";
    private const int MaxItems = 100_000;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, or - for standard input.</param>
    /// <param name="faults">Receives the faults, each with its line.</param>
    /// <exception cref="FieldFaultException">The file cannot be read.</exception>
    public static IReadOnlyList<BatchItem> Read(string path, List<FieldFault> faults)
    {
        string text = TextOf(path);
        string name = path == "-" ? "standard input" : Path.GetFileName(path);
        int before = faults.Count;
        List<BatchItem> items = Path.GetExtension(path).ToUpperInvariant() switch
        {
            ".JSONL" or ".NDJSON" or ".JSON" => ReadJson(text, name, faults),
            ".CSV" => ReadCsv(text, name, faults),
            ".TXT" => ReadPrompts(text, name),
            _ => text.TrimStart().StartsWith('{') ? ReadJson(text, name, faults) : ReadPrompts(text, name),
        };
        if (items.Count == 0 && faults.Count == before)
        {
            faults.Add(new FieldFault(OptionName, $"{name} has no request; allowed: one on each line"));
        }
        if (items.Count > MaxItems)
        {
            faults.Add(new FieldFault(OptionName, $"{name} has {items.Count} requests; allowed: up to {MaxItems}"));
        }
        return items;
    }

    private static string TextOf(string path)
    {
        byte[] bytes;
        if (path == "-")
        {
            using Stream input = Console.OpenStandardInput();
            using var all = new MemoryStream();
            input.CopyTo(all);
            bytes = all.ToArray();
        }
        else
        {
            bytes = InputFile.ReadAll(path, OptionName);
        }
        try
        {
            return Encoding.UTF8.GetString(Utf8Text.Checked(bytes).Span);
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault(OptionName, $"{path} {exception.Message}"));
        }
    }

    private static List<BatchItem> ReadPrompts(string text, string name) =>
    [
        .. Lines(text).Select(line => new BatchItem(Where(name, line.Number), new JsonObject { ["prompt"] = line.Text.Trim() }, line.Text.Trim())),
    ];

    private static List<BatchItem> ReadJson(string text, string name, List<FieldFault> faults)
    {
        var items = new List<BatchItem>();
        foreach ((int number, string line) in Lines(text))
        {
            try
            {
                JsonObject fields = RequestJson.Parse(Encoding.UTF8.GetBytes(line));
                items.Add(new BatchItem(Where(name, number), fields, LabelOf(fields)));
            }
            catch (FieldFaultException exception)
            {
                faults.AddRange(exception.Faults.Select(fault => fault with { Field = Where(name, number) + fault.Field }));
            }
        }
        return items;
    }

    private static List<BatchItem> ReadCsv(string text, string name, List<FieldFault> faults)
    {
        var items = new List<BatchItem>();
        string[]? header = null;
        foreach ((int number, IReadOnlyList<string> cells) in CsvText.Rows(text))
        {
            if (header is null)
            {
                header = [.. cells.Select(cell => cell.Trim())];
                CheckHeader(header, Where(name, number), faults);
                continue;
            }
            if (cells.Count != header.Length)
            {
                faults.Add(new FieldFault(
                    Where(name, number).TrimEnd(' ', ':'), $"has {cells.Count} cells; allowed: {header.Length}, as the header has"));
                continue;
            }
            var fields = new JsonObject();
            foreach ((string field, string cell) in header.Zip(cells).Where(pair => pair.Second.Length > 0))
            {
                BatchItem.Set(fields, field, ValueOf(field, cell));
            }
            items.Add(new BatchItem(Where(name, number), fields, LabelOf(fields)));
        }
        return items;
    }

    private static void CheckHeader(string[] header, string where, List<FieldFault> faults)
    {
        string[] known = [.. RequestSchema.All.Select(field => field.Name)];
        foreach (string field in header)
        {
            if (!known.Contains(field.Split('.')[0]))
            {
                faults.Add(new FieldFault(where + field, "is not a field of a request" + OtherNames.Hint(field, known)));
            }
        }
        foreach (string field in header.GroupBy(field => field).Where(group => group.Count() > 1).Select(group => group.Key))
        {
            faults.Add(new FieldFault(where + field, "is given twice"));
        }
    }

    /// <summary>Reads the value of a cell or of an axis: text for fields with text, otherwise JSON.</summary>
    internal static JsonNode? ValueOf(string field, string text) =>
        RequestSchema.Find(field)?.Declared is TextFieldAttribute or ChoiceFieldAttribute ? JsonValue.Create(text) : OptionText.Json(text);

    /// <summary>Returns the prompt and the other fields of a request in a few words.</summary>
    internal static string LabelOf(JsonObject fields) => string.Join(", ", fields.Select(field => field.Key == "prompt"
        ? field.Value?.ToString()
        : $"{field.Key}={BatchItem.TextOf(field.Value)}"));

    private static string Where(string name, int line) => string.Create(CultureInfo.InvariantCulture, $"{name}:{line}: ");

    private static IEnumerable<(int Number, string Text)> Lines(string text) =>
        text.ReplaceLineEndings("\n").Split('\n').Select((line, i) => (i + 1, line)).Where(line => line.line.Trim().Length > 0);
}
