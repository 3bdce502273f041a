using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests;

/// <summary>Parses a request's text as JSON: UTF-8, one object, limited depth, no duplicate fields.</summary>
public static class RequestJson
{
    /// <summary>The largest nesting depth of objects and lists.</summary>
    private const int MaxDepth = 64;

    /// <summary>Parses a request's text.</summary>
    /// <param name="json">The text in UTF-8.</param>
    /// <returns>The object, which is not yet read as a request, so that options can still be applied to it.</returns>
    /// <exception cref="FieldFaultException">The text is not a JSON object, or contains a field twice.</exception>
    public static JsonObject Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            json = Utf8Text.Checked(json);
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new FieldFaultException(
                    new FieldFault("request", $"is a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()}; allowed: an object"));
            }
            var faults = new List<FieldFault>();
            CheckText(document.RootElement, "", faults);
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            return JsonObject.Create(document.RootElement.Clone())!;
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("request", exception.Message));
        }
        catch (JsonException exception)
        {
            string what = IsTooDeep(json.Span) ? $"is nested too deeply; allowed: up to {MaxDepth} levels, exceeded in" : "is not valid JSON:";
            throw new FieldFaultException(new FieldFault(
                "request",
                string.Create(CultureInfo.InvariantCulture, $"{what} line {exception.LineNumber + 1}, position {exception.BytePositionInLine + 1}")));
        }
    }

    /// <summary>Whether the first fault of a text as JSON is its depth.</summary>
    private static bool IsTooDeep(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth >= MaxDepth)
                {
                    return true;
                }
            }
        }
        catch (JsonException)
        {
            // Another fault comes before the depth is exceeded.
        }
        return false;
    }

    /// <summary>Whether all strings in the JSON are valid Unicode, and no field occurs twice.</summary>
    public static bool IsText(JsonElement element)
    {
        var faults = new List<FieldFault>();
        CheckText(element, "", faults);
        return faults.Count == 0;
    }

    /// <summary>Finds strings that are not valid Unicode and duplicate fields, at any depth.</summary>
    private static void CheckText(JsonElement element, string path, List<FieldFault> faults)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var seen = new HashSet<string>(StringComparer.Ordinal);
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    string name;
                    try
                    {
                        name = property.Name;
                    }
                    catch (InvalidOperationException)
                    {
                        faults.Add(new FieldFault(path.Length == 0 ? "request" : path, "has a field whose name is not valid Unicode"));
                        continue;
                    }
                    string inner = path.Length == 0 ? name : $"{path}.{name}";
                    if (!seen.Add(name))
                    {
                        faults.Add(new FieldFault(inner, "is given twice"));
                    }
                    CheckText(property.Value, inner, faults);
                }
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    CheckText(item, path, faults);
                }
                break;
            case JsonValueKind.String:
                try
                {
                    element.GetString();
                }
                catch (InvalidOperationException)
                {
                    faults.Add(new FieldFault(path, "is not valid Unicode: it contains an unpaired surrogate"));
                }
                break;
        }
    }
}
