using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Cli.Requests;

/// <summary>Parses values of options, with faults that contain the option, the value and what is allowed.</summary>
internal static class OptionText
{
    /// <summary>Parses a whole number within limits; null when none was given.</summary>
    public static int? Integer(string? text, string option, int minimum, int maximum, List<FieldFault> faults)
    {
        if (text is null)
        {
            return null;
        }
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number >= minimum && number <= maximum)
        {
            return number;
        }
        faults.Add(FieldFault.Of(option, text, string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}")));
        return null;
    }

    /// <summary>Parses a number within limits; null when none was given.</summary>
    public static double? Number(string? text, string option, double minimum, double maximum, List<FieldFault> faults)
    {
        if (text is null)
        {
            return null;
        }
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number >= minimum && number <= maximum)
        {
            return number;
        }
        faults.Add(FieldFault.Of(option, text, string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}")));
        return null;
    }

    /// <summary>Parses KEY=VALUE of a scheduler's option, with the value as JSON; null when the text has another form.</summary>
    public static (string Key, JsonNode? Value)? SchedulerOption(string text, List<FieldFault> faults)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals > 0)
        {
            return (text[..equals], Json(text[(equals + 1)..]));
        }
        faults.Add(FieldFault.Of("--scheduler-option", text, "KEY=VALUE, for example use_karras_sigmas=true"));
        return null;
    }

    /// <summary>Parses WIDTHxHEIGHT; null when none was given.</summary>
    public static (int Width, int Height)? Size(string? text, string option, List<FieldFault> faults)
    {
        if (text is null)
        {
            return null;
        }
        if (text.Split('x', 'X', '×') is [string left, string right]
            && int.TryParse(left, NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && int.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out int height))
        {
            return (width, height);
        }
        faults.Add(FieldFault.Of(option, text, "WIDTHxHEIGHT in pixels, for example 512x512"));
        return null;
    }

    /// <summary>Parses a number as JSON; other text stays text, so that the request's reader reports it.</summary>
    public static JsonNode Number(string text)
    {
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong whole))
        {
            return JsonValue.Create(whole);
        }
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? JsonValue.Create(number)
            : JsonValue.Create(text);
    }

    /// <summary>Parses any JSON; other text stays text.</summary>
    public static JsonNode? Json(string text)
    {
        switch (text)
        {
            case "True":
                return true;
            case "False":
                return false;
            case "None":
                return null;
        }
        try
        {
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }
}
