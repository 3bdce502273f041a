using System.Text.Json.Serialization;

namespace Brownian.Requests.References;

/// <summary>A textual inversion.</summary>
/// <param name="File">Its name in the folders of adapters.</param>
/// <param name="Token">What it is called in prompts; null for what the file says.</param>
/// <param name="Sha256">What the file's bytes hash to; null before the file was read.</param>
public sealed record InversionReference(string File, string? Token, string? Sha256 = null)
{
    /// <summary>The most characters of <see cref="Token"/>.</summary>
    public const int MaxTokenLength = 100;

    /// <summary>What the file that was found is called, without its folders; null before. An image's settings say it, plans do not.</summary>
    [JsonIgnore]
    public string? FileName { get; init; }
}
