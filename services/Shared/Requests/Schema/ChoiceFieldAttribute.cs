using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Formats.Images;
using Brownian.Requests.Prompts;

namespace Brownian.Requests.Schema;

/// <summary>A field with one of several choices. The property is a string, an enum of <see cref="Enums"/>, or a bool for two choices.</summary>
/// <param name="text">The field's description.</param>
/// <param name="choices">The choices, in the order in which messages list them.</param>
public sealed class ChoiceFieldAttribute(string text, params string[] choices) : RequestFieldAttribute(text)
{
    /// <summary>The enums' values in the order of the choices.</summary>
    private static readonly Dictionary<Type, Array> Enums = new()
    {
        [typeof(PromptSyntax)] = (PromptSyntax[])[PromptSyntax.Plain, PromptSyntax.A1111],
        [typeof(GuidanceMethod)] = (GuidanceMethod[])[GuidanceMethod.Cfg, GuidanceMethod.CfgPlusPlus],
        [typeof(NoiseKind)] = (NoiseKind[])[NoiseKind.TorchCpu, NoiseKind.TorchCuda],
        [typeof(NoiseDtype)] = (NoiseDtype[])[NoiseDtype.Float32, NoiseDtype.Float16, NoiseDtype.BFloat16],
        [typeof(ImageFormat)] = (ImageFormat[])[ImageFormat.Png, ImageFormat.Jpeg, ImageFormat.Webp],
        [typeof(bool)] = (bool[])[false, true],
    };

    /// <inheritdoc/>
    public override string Type => "text";

    /// <inheritdoc/>
    public override string Allowed => string.Join(", ", choices);

    /// <summary>The choices.</summary>
    public IReadOnlyList<string> Choices => choices;

    internal override object? Read(PropertyInfo property, JsonNode value, string path, List<FieldFault> faults)
    {
        int word = value.GetValueKind() == JsonValueKind.String ? Array.IndexOf(choices, value.GetValue<string>()) : -1;
        return word < 0 ? Refuse(value, path, faults)
            : property.PropertyType == typeof(string) ? choices[word]
            : Enums[property.PropertyType].GetValue(word);
    }

    internal override JsonNode? Write(object value) => value is string word ? word : choices[Array.IndexOf(Enums[value.GetType()], value)];

    internal override JsonObject Schema() => new() { ["enum"] = new JsonArray([.. choices.Select(word => JsonValue.Create(word))]) };
}
