using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>A field with a list of whole numbers of 64 bits.</summary>
/// <param name="text">The field's description.</param>
/// <param name="maxCount">The largest number of elements.</param>
public sealed class SeedListFieldAttribute(string text, int maxCount) : RequestFieldAttribute(text)
{
    /// <inheritdoc/>
    public override string Type => "list of whole numbers";

    /// <inheritdoc/>
    public override string Allowed => string.Create(CultureInfo.InvariantCulture, $"a list of 1..{maxCount} whole numbers {JsonNumber.UInt64Range}");

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        if (value is not JsonArray { Count: > 0 } list || list.Count > maxCount)
        {
            return Refuse(value, path, faults);
        }
        ulong?[] seeds = [.. list.Select(seed => seed is null ? null : JsonNumber.UInt64(seed))];
        return seeds.Contains(null) ? Refuse(value, path, faults) : seeds.Select(seed => seed!.Value).ToArray();
    }

    internal override JsonNode? Write(object value) => new JsonArray([.. ((IReadOnlyList<ulong>)value).Select(seed => JsonValue.Create(seed))]);

    internal override JsonObject Schema() => new()
    {
        ["type"] = "array",
        ["items"] = SeedFieldAttribute.SeedSchema(),
        ["minItems"] = 1,
        ["maxItems"] = maxCount,
    };
}
