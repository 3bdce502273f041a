using System.Reflection;
using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>
/// Declares a property as a field of the request. The attribute is the field's only description: the JSON reader and writer, the command
/// line's options, the reference page, the JSON Schema and the round-trip tests come from it.
/// </summary>
/// <param name="text">The field's description, one sentence for users.</param>
[AttributeUsage(AttributeTargets.Property)]
public abstract class RequestFieldAttribute(string text) : Attribute
{
    /// <summary>The field's description.</summary>
    public string Text { get; } = text;

    /// <summary>The field's name; null for the property's name in snake case.</summary>
    public string? Name { get; init; }

    /// <summary>The field's group.</summary>
    public FieldGroup Group { get; init; }

    /// <summary>The places where the field is allowed besides the top level.</summary>
    public FieldScope Scope { get; init; }

    /// <summary>A description of the default; null for "the model's own".</summary>
    public string? Default { get; init; }

    /// <summary>
    /// Values without an effect, which families and tasks that do not support the field accept, as JSON separated by commas. They are the defaults of
    /// the reference's pipelines, so that the request of a client that fills in every default is accepted.
    /// </summary>
    public string? Neutral { get; init; }

    /// <summary>The command-line option, for example <c>--guidance</c>; null for <c>--field-name</c>.</summary>
    public string? Option { get; init; }

    /// <summary>The first version that has the field.</summary>
    public string Since { get; init; } = "0.1";

    /// <summary>Whether the value names a file: a path, a data URL or an upload's id.</summary>
    public bool NamesFile { get; init; }

    /// <summary>The JSON type in words: number, whole number, text, ...</summary>
    public abstract string Type { get; }

    /// <summary>The allowed values, in the words of fault messages.</summary>
    public abstract string Allowed { get; }

    /// <summary>Reads a value.</summary>
    /// <param name="property">The property that receives the value.</param>
    /// <param name="value">The value, not null.</param>
    /// <param name="path">The field's name in messages, prefixed by those of the enclosing objects.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <returns>The property's value; null for no value, or with a fault.</returns>
    internal abstract object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults);

    /// <summary>Writes a value in a form that <see cref="Read"/> accepts.</summary>
    /// <param name="value">The property's value.</param>
    internal abstract JsonNode? Write(object value);

    /// <summary>Creates the value's JSON Schema, without the description.</summary>
    internal abstract JsonObject Schema();

    /// <summary>Adds the fault of a value that is not allowed.</summary>
    private protected object? Refuse(JsonNode value, string path, List<FieldFault> faults, string? allowed = null)
    {
        faults.Add(FieldFault.Of(path, value, allowed ?? Allowed));
        return null;
    }
}
