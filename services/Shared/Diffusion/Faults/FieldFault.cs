using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Diffusion.Faults;

/// <summary>A fault in an input from outside.</summary>
/// <param name="Field">The field's name as the caller wrote it, for example <c>steps</c> or <c>scheduler.beta_start</c>.</param>
/// <param name="Message">The given value and the allowed values, as one sentence without a full stop.</param>
public sealed record FieldFault(string Field, string Message)
{
    /// <summary>Does not escape non-ASCII letters, because messages are never inserted into HTML.</summary>
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Creates a fault with the given value and the allowed values.</summary>
    /// <param name="field">The field's name.</param>
    /// <param name="value">The given value; a JSON node in its JSON form.</param>
    /// <param name="allowed">The allowed values, for example <c>1..1000</c>.</param>
    /// <param name="hint">What the value was probably meant to be (<see cref="Spelling.Hint"/>).</param>
    public static FieldFault Of(string field, object? value, string allowed, string hint = "") =>
        new(field, string.Create(CultureInfo.InvariantCulture, $"{Quote(value)} is not allowed{hint}; allowed: {allowed}"));

    /// <inheritdoc/>
    public override string ToString() => $"{Field}: {Message}";

    private static string Quote(object? value)
    {
        string text = value switch
        {
            null => "null",
            JsonNode node => node.ToJsonString(Readable),
            string s => $"\"{s}\"",
            DateTimeOffset time => IsoTime.Format(time),
            IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString() ?? "",
        };
        const int MaxLength = 120;
        return text.Length <= MaxLength ? text : string.Concat(text.AsSpan(0, MaxLength), "...");
    }
}
