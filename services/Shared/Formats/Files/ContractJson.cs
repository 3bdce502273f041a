using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace Brownian.Formats.Files;

/// <summary>
/// Checks JSON between processes before it is deserialized. System.Text.Json finds text that is not Unicode only when the text is used. It accepts
/// null
/// elements of lists, and numbers beyond a double's range as infinity, which it does not write.
/// </summary>
public static class ContractJson
{
    private const int MaxDepth = 256;

    /// <summary>Every number of up to so many digits is finite.</summary>
    private const int LongestFinite = 300;

    /// <summary>
    /// Requires the constructors' parameters that cannot be null. Those that can be null are left out when they are null, so that
    /// <see cref="JsonSerializerOptions.RespectRequiredConstructorParameters"/> would refuse what this program writes.
    /// </summary>
    public static DefaultJsonTypeInfoResolver Resolver { get; } = new() { Modifiers = { RequireParameters } };

    /// <summary>Checks a text.</summary>
    /// <exception cref="JsonException">See <see cref="Check(ReadOnlySpan{byte})"/>.</exception>
    public static void Check(string text) => Check(Encoding.UTF8.GetBytes(text));

    /// <summary>Checks UTF-8.</summary>
    /// <exception cref="JsonException">
    /// The bytes are not JSON in UTF-8, or contain an unpaired surrogate, null in a list, or a number beyond a double's range.
    /// </exception>
    public static void Check(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            throw new JsonException("The text is not valid UTF-8.");
        }
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        // Whether each open value is a list.
        var lists = new Stack<bool>();
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    lists.Push(reader.TokenType == JsonTokenType.StartArray);
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    lists.Pop();
                    break;
                case JsonTokenType.Null when lists.TryPeek(out bool isList) && isList:
                    throw new JsonException($"A list has null as an element, before byte {reader.BytesConsumed}.");
                // Other numbers are too short to be beyond the range.
                case JsonTokenType.Number when reader.ValueSpan.IndexOfAny((byte)'e', (byte)'E') >= 0 || reader.ValueSpan.Length > LongestFinite:
                    if (!double.IsFinite(reader.GetDouble()))
                    {
                        throw new JsonException($"A number is beyond the range of double, before byte {reader.BytesConsumed}.");
                    }
                    break;
                default:
                    RequireUnicode(ref reader);
                    break;
            }
        }
    }

    private static void RequireParameters(JsonTypeInfo type)
    {
        foreach (JsonPropertyInfo property in type.Properties)
        {
            // A property without a setter cannot be required; its type's constructor checks its arguments.
            if (property is { AssociatedParameter: { HasDefaultValue: false, IsNullable: false }, Set: not null, PropertyType.IsValueType: false })
            {
                property.IsRequired = true;
            }
        }
    }

    /// <summary>Checks that the current text or name has no unpaired surrogate.</summary>
    /// <exception cref="JsonException">It has one.</exception>
    internal static void RequireUnicode(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped)
        {
            return;
        }
        try
        {
            reader.GetString();
        }
        catch (InvalidOperationException exception)
        {
            throw new JsonException($"A text is not valid Unicode, before byte {reader.BytesConsumed}.", exception);
        }
    }
}
