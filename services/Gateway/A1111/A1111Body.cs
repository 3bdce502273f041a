using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Gateway.A1111;

/// <summary>The fields of a call. A field that is null counts as one that is not given.</summary>
/// <param name="json">The body.</param>
/// <param name="faults">Receives the faults.</param>
internal sealed class A1111Body(JsonObject json, List<FieldFault> faults)
{
    /// <summary>The body.</summary>
    public JsonObject Json => json;

    /// <summary>Returns a text; null when it is not given.</summary>
    public string? Text(string name)
    {
        if (json[name] is not { } value)
        {
            return null;
        }
        if (value is JsonValue text && text.TryGetValue(out string? read))
        {
            return read;
        }
        faults.Add(FieldFault.Of(name, value, "text"));
        return null;
    }

    /// <summary>Returns a number; null when it is not given.</summary>
    public double? Number(string name)
    {
        if (json[name] is not { } value)
        {
            return null;
        }
        if (JsonNumber.Double(value) is { } read)
        {
            return read;
        }
        faults.Add(FieldFault.Of(name, value, "a number"));
        return null;
    }

    /// <summary>Returns a number as its digits; null when it is not given, or negative, which means a choice of the server's.</summary>
    public string? Digits(string name) => Number(name) is >= 0 ? json[name]!.ToJsonString() : null;

    /// <summary>Returns whether a field is true.</summary>
    /// <param name="name">The field.</param>
    /// <param name="otherwise">The value of a field that is not given.</param>
    public bool Truth(string name, bool otherwise = false)
    {
        switch (json[name])
        {
            case null:
                return otherwise;
            case JsonValue value when value.TryGetValue(out bool read):
                return read;
            // Some clients send 0 and 1.
            case JsonNode number when JsonNumber.Double(number) is 0 or 1:
                return JsonNumber.Double(number) == 1;
            case JsonNode other:
                faults.Add(FieldFault.Of(name, other, "true, false"));
                return otherwise;
        }
    }

    /// <summary>Returns an object; an empty one when it is not given.</summary>
    public JsonObject Object(string name)
    {
        if (json[name] is JsonObject read)
        {
            return read;
        }
        if (json[name] is { } other)
        {
            faults.Add(FieldFault.Of(name, other, "an object"));
        }
        return [];
    }

    /// <summary>Returns a list; an empty one when it is not given.</summary>
    public JsonArray List(string name)
    {
        if (json[name] is JsonArray read)
        {
            return read;
        }
        if (json[name] is { } other)
        {
            faults.Add(FieldFault.Of(name, other, "a list"));
        }
        return [];
    }

    /// <summary>Returns an image, which is base64 with or without the beginning of a data URL; null when it is none.</summary>
    /// <param name="field">The field's name in messages.</param>
    /// <param name="value">The value.</param>
    public byte[]? Image(string field, JsonNode? value)
    {
        if (value is JsonValue text && text.TryGetValue(out string? given))
        {
            string base64 = given.StartsWith("data:", StringComparison.OrdinalIgnoreCase)
                ? given[(given.IndexOf(',', StringComparison.Ordinal) + 1)..] : given;
            var bytes = new byte[(base64.Length / 4 * 3) + 3];
            if (Convert.TryFromBase64String(base64, bytes, out int length) && length > 0)
            {
                return bytes[..length];
            }
        }
        faults.Add(new FieldFault(field, "is no image in base64"));
        return null;
    }
}
