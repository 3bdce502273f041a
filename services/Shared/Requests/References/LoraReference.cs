using System.Text.Json.Serialization;

namespace Brownian.Requests.References;

/// <summary>A LoRA and how much of it.</summary>
/// <param name="File">Its name in the folders of adapters.</param>
/// <param name="Weight">-10..10; negative ones turn it round.</param>
/// <param name="Sha256">What the file's bytes hash to; null before the file was read.</param>
public sealed record LoraReference(string File, double Weight, string? Sha256 = null)
{
    /// <summary>What the file that was found is called, without its folders; null before. An image's settings say it, plans do not.</summary>
    [JsonIgnore]
    public string? FileName { get; init; }
}
