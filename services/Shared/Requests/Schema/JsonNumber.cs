using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>
/// Reads numbers of JSON nodes from their digits, because a node may contain a file's text or a program's value, and a double has no 64 bits of
/// precision.
/// </summary>
public static class JsonNumber
{
    /// <summary>The allowed range in faults of <see cref="UInt64"/>.</summary>
    public const string UInt64Range = "0..18446744073709551615";

    /// <summary>Returns a finite number, without negative zero; null for anything else.</summary>
    public static double? Double(JsonNode node) =>
        node.GetValueKind() == JsonValueKind.Number
            && double.TryParse(node.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
        && double.IsFinite(number) ? number == 0 ? 0 : number : null;

    /// <summary>
    /// Returns a whole number of 64 bits; null for anything else. Strings are accepted too, as in the JSON mapping of Protocol Buffers, because
    /// numbers above 2^53 lose digits in many clients.
    /// </summary>
    public static ulong? UInt64(JsonNode node)
    {
        string? digits = node.GetValueKind() switch
        {
            JsonValueKind.Number => node.ToJsonString(),
            JsonValueKind.String => node.GetValue<string>(),
            _ => null,
        };
        return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong whole) ? whole
            // 1e3 and 7.0 are whole numbers too. A decimal represents 96 bits exactly.
            : decimal.TryParse(digits, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out decimal number)
                && number == decimal.Truncate(number) && number <= ulong.MaxValue ? (ulong)number
            : null;
    }
}
