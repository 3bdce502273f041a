using System.Text.Json.Nodes;
using Brownian.Requests.References;

namespace Brownian.Requests.Schema;

/// <summary>A field with textual inversions, each with the token that represents it in prompts.</summary>
/// <param name="text">The field's description.</param>
public sealed class InversionListFieldAttribute(string text) : FileListFieldAttribute(text, "token", AdapterReferences.MaxInversions)
{
    private protected override object ReadOne(string file, JsonNode? value, string path, List<FieldFault> faults) =>
        new InversionReference(file, value is null ? null : ReadText(value, path, InversionReference.MaxTokenLength, faults));

    private protected override JsonObject WriteOne(object element) => element is InversionReference inversion
        ? new JsonObject { ["file"] = inversion.File, ["token"] = inversion.Token }
        : throw new ArgumentException($"{element} is not a textual inversion", nameof(element));

    private protected override object ToList(IEnumerable<object> elements) => elements.Cast<InversionReference>().ToArray();

    private protected override JsonObject OtherSchema() => new() { ["type"] = "string", ["maxLength"] = InversionReference.MaxTokenLength };
}
