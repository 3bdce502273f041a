using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with two whole numbers: height and width, or top and left.</summary>
/// <param name="text">The field's description.</param>
public sealed class PairFieldAttribute(string text) : RequestFieldAttribute(text)
{
    private const int Maximum = 16_384;

    /// <inheritdoc/>
    public override string Type => "list of two whole numbers";

    /// <inheritdoc/>
    public override string Allowed =>
        string.Create(CultureInfo.InvariantCulture, $"two whole numbers 0..{Maximum}: height and width, or top and left");

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        int?[] pair = value is JsonArray { Count: 2 } list ? [.. list.Select(Side)] : [null];
        return pair.Contains(null) ? Refuse(value, path, faults) : pair.Select(side => side!.Value).ToArray();
    }

    internal override JsonNode? Write(object value) => new JsonArray([.. ((IReadOnlyList<int>)value).Select(side => JsonValue.Create(side))]);

    internal override JsonObject Schema() => new()
    {
        ["type"] = "array",
        ["items"] = new JsonObject { ["type"] = "integer", ["minimum"] = 0, ["maximum"] = Maximum },
        ["minItems"] = 2,
        ["maxItems"] = 2,
    };

    private static int? Side(JsonNode? node) =>
        node is not null && JsonNumber.Double(node) is >= 0 and <= Maximum and { } number && number == Math.Floor(number) ? (int)number : null;
}
