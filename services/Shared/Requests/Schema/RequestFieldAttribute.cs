using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>
/// Declares a property as a field of the request. The attribute is the field's only description: the JSON reader and writer, the command
/// line's options, the reference page, the JSON Schema and the round-trip tests come from it.
/// </summary>
/// <param name="text">What the field means, one sentence for people.</param>
[AttributeUsage(AttributeTargets.Property)]
public abstract class RequestFieldAttribute(string text) : Attribute
{
    /// <summary>What the field means.</summary>
    public string Text { get; } = text;

    /// <summary>The field's name; the property's in snake case where null.</summary>
    public string? Name { get; init; }

    /// <summary>What the field belongs to.</summary>
    public FieldGroup Group { get; init; }

    /// <summary>Where the field may stand beside the top level.</summary>
    public FieldScope Scope { get; init; }

    /// <summary>What happens where the field is not given; null for "the model's own".</summary>
    public string? Default { get; init; }

    /// <summary>
    /// Values that mean nothing to families and tasks that do not know the field, as JSON with commas between them: the defaults of the
    /// reference's pipelines, so that a client that fills in every default gets its image.
    /// </summary>
    public string? Neutral { get; init; }

    /// <summary>The option of the command line, for example <c>--guidance</c>; <c>--field-name</c> where null.</summary>
    public string? Option { get; init; }

    /// <summary>The version that has the field first.</summary>
    public string Since { get; init; } = "0.1";

    /// <summary>Whether the value names a file: a path, a data URL or an upload's id.</summary>
    public bool NamesFile { get; init; }

    /// <summary>The JSON type for people: number, whole number, text, ...</summary>
    public abstract string Type { get; }

    /// <summary>The values that are allowed, as messages of faults say it.</summary>
    public abstract string Allowed { get; }

    /// <summary>Reads a value.</summary>
    /// <param name="property">The property that takes the value.</param>
    /// <param name="value">Not null.</param>
    /// <param name="path">The field's name for messages, with those of the objects around it.</param>
    /// <param name="faults">Where faults go.</param>
    /// <returns>The property's value; null for none, or with a fault.</returns>
    internal abstract object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults);

    /// <summary>Writes a value that <see cref="Read"/> takes.</summary>
    /// <param name="value">The property's value.</param>
    internal abstract JsonNode? Write(object value);

    /// <summary>The value's JSON Schema, without the description.</summary>
    internal abstract JsonObject Schema();

    /// <summary>Adds the fault of a value that is not allowed.</summary>
    private protected object? Refuse(JsonNode value, string path, List<FieldFault> faults, string? allowed = null)
    {
        faults.Add(FieldFault.Of(path, value, allowed ?? Allowed));
        return null;
    }
}
