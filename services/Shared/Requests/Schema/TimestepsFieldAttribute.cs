using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedules;

namespace Brownian.Requests.Schema;

/// <summary>A field with a list of timesteps, or the name of one of <see cref="NamedTimesteps"/>.</summary>
/// <param name="text">The field's description.</param>
public sealed class TimestepsFieldAttribute(string text) : RequestFieldAttribute(text)
{
    private const int MaxCount = 1000;

    /// <inheritdoc/>
    public override string Type => "list of numbers, or a name";

    /// <inheritdoc/>
    public override string Allowed => string.Create(
        CultureInfo.InvariantCulture, $"a list of 1..{MaxCount} decreasing numbers of 0 and above, or {string.Join(", ", NamedTimesteps.All.Keys)}");

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        if (value.GetValueKind() == JsonValueKind.String)
        {
            return NamedTimesteps.All.TryGetValue(value.GetValue<string>(), out IReadOnlyList<double>? named)
                ? named
                : Refuse(value, path, faults, string.Join(", ", NamedTimesteps.All.Keys));
        }
        if (value is not JsonArray { Count: > 0 and <= MaxCount } list)
        {
            return Refuse(value, path, faults);
        }
        double?[] timesteps =
            [.. list.Select(timestep => timestep is null ? null : JsonNumber.Double(timestep) is >= 0 and { } t ? t : (double?)null)];
        return timesteps.Contains(null) ? Refuse(value, path, faults) : timesteps.Select(timestep => timestep!.Value).ToArray();
    }

    internal override JsonNode? Write(object value) =>
        new JsonArray([.. ((IReadOnlyList<double>)value).Select(timestep => JsonValue.Create(timestep))]);

    internal override JsonObject Schema() => new()
    {
        ["anyOf"] = new JsonArray(
            new JsonObject
            {
                ["type"] = "array",
                ["items"] = new JsonObject { ["type"] = "number", ["minimum"] = 0 },
                ["minItems"] = 1,
                ["maxItems"] = MaxCount,
            },
            new JsonObject { ["enum"] = new JsonArray([.. NamedTimesteps.All.Keys.Select(name => JsonValue.Create(name))]) }),
    };
}
