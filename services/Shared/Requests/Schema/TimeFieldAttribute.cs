using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with a time in RFC 3339 format.</summary>
/// <param name="text">The field's description.</param>
public sealed class TimeFieldAttribute(string text) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "time";

    /// <inheritdoc/>
    public override string Allowed => "a time, such as 2030-01-31T12:00:00Z";

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults) =>
        value.GetValueKind() == JsonValueKind.String
            && DateTimeOffset.TryParse(
                value.GetValue<string>(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
                ? time
                : Refuse(value, path, faults);

    internal override JsonNode? Write(object value) => ((DateTimeOffset)value).ToString("O", CultureInfo.InvariantCulture);

    internal override JsonObject Schema() => new() { ["type"] = "string", ["format"] = "date-time" };
}
