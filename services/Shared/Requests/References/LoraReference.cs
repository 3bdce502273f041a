using System.Text.Json.Serialization;

namespace Brownian.Requests.References;

/// <summary>A reference to a LoRA with its weight.</summary>
/// <param name="File">The file's name in the folders of adapters.</param>
/// <param name="Weight">The weight, -10..10; negative weights invert the effect.</param>
/// <param name="Sha256">The SHA-256 of the file; null before the file was read.</param>
public sealed record LoraReference(string File, double Weight, string? Sha256 = null)
{
    /// <summary>
    /// The name of the file that was found, without its folders; null before. It is written to an image's settings, but not to plans.
    /// </summary>
    [JsonIgnore]
    public string? FileName { get; init; }
}
