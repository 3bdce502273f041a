using System.Text.Json.Serialization;

namespace Brownian.Requests.References;

/// <summary>A reference to a textual inversion.</summary>
/// <param name="File">The file's name in the folders of adapters.</param>
/// <param name="Token">The token that represents the inversion in prompts; null for the one in the file.</param>
/// <param name="Sha256">The SHA-256 of the file; null before the file was read.</param>
public sealed record InversionReference(string File, string? Token, string? Sha256 = null)
{
    /// <summary>The largest number of characters of <see cref="Token"/>.</summary>
    public const int MaxTokenLength = 100;

    /// <summary>
    /// The name of the file that was found, without its folders; null before. It is written to an image's settings, but not to plans.
    /// </summary>
    [JsonIgnore]
    public string? FileName { get; init; }
}
