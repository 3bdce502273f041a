using System.Text.Json.Nodes;
using Brownian.Requests.References;

namespace Brownian.Requests.Schema;

/// <summary>A field with LoRAs, each with its weight.</summary>
/// <param name="text">The field's description.</param>
public sealed class LoraListFieldAttribute(string text) : FileListFieldAttribute(text, "weight", AdapterReferences.MaxLoras)
{
    private const int MaxWeight = 10;

    private protected override object ReadOne(string file, JsonNode? value, string path, List<FieldFault> faults)
    {
        double weight = 1;
        if (value is not null)
        {
            if (JsonNumber.Double(value) is >= -MaxWeight and <= MaxWeight and { } given)
            {
                weight = given;
            }
            else
            {
                faults.Add(FieldFault.Of(path, value, string.Create(CultureInfo.InvariantCulture, $"{-MaxWeight}..{MaxWeight}")));
            }
        }
        return new LoraReference(file, weight);
    }

    private protected override JsonObject WriteOne(object element) => element is LoraReference lora
        ? new JsonObject { ["file"] = lora.File, ["weight"] = lora.Weight }
        : throw new ArgumentException($"{element} is not a LoRA", nameof(element));

    private protected override object ToList(IEnumerable<object> elements) => elements.Cast<LoraReference>().ToArray();

    private protected override JsonObject OtherSchema() => new() { ["type"] = "number", ["minimum"] = -MaxWeight, ["maximum"] = MaxWeight };
}
