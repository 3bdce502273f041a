using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Formats.Files;

/// <summary>Reads JSON files of model folders, as Python writes them: with Infinity literals in some scheduler configurations.</summary>
public static class JsonFile
{
    private static readonly JsonDocumentOptions Options =
        new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, AllowDuplicateProperties = false };

    /// <summary>Reads a file's object; null when the file does not exist.</summary>
    public static JsonObject? ReadIfThere(string file) => File.Exists(file) ? Read(file) : null;

    /// <exception cref="ModelException">The file is missing, unreadable or not a JSON object.</exception>
    public static JsonObject Read(string file)
    {
        try
        {
            string text = File.ReadAllText(file);
            try
            {
                return Parse(text, file);
            }
            catch (JsonException) when (text.Contains("Infinity", StringComparison.Ordinal))
            {
                string quoted =
                    text.Replace("-Infinity", "\"-inf\"", StringComparison.Ordinal).Replace(": Infinity", ": \"inf\"", StringComparison.Ordinal);
                return Parse(quoted, file);
            }
        }
        catch (JsonException exception)
        {
            throw new ModelException(
                MistakenFile.DescribeFile(file) is { } mistaken ? $"{file} is {mistaken}"
                    : $"{file} is not valid JSON: {Where(exception)}",
                exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{file} cannot be read: {FileReason.Of(exception, file)}", exception);
        }
    }

    private static string Where(JsonException exception) => exception.LineNumber is { } line
        ? string.Create(CultureInfo.InvariantCulture, $"line {line + 1}, position {exception.BytePositionInLine + 1}")
        : exception.Message;

    private static JsonObject Parse(string text, string file)
    {
        // Text that is not Unicode would be found only when it is used.
        var reader = new Utf8JsonReader(
            Encoding.UTF8.GetBytes(text),
            new JsonReaderOptions { AllowTrailingCommas = Options.AllowTrailingCommas, CommentHandling = Options.CommentHandling });
        while (reader.Read())
        {
            ContractJson.RequireUnicode(ref reader);
        }
        return JsonNode.Parse(text, documentOptions: Options) as JsonObject ?? throw new ModelException($"{file} is not a JSON object");
    }

    /// <summary>Returns a whole number, or null for anything else.</summary>
    public static int? Integer(JsonNode? node) => node is JsonValue value && value.TryGetValue(out int number) ? number : null;
}
