namespace Brownian.Models.Metadata;

/// <summary>A setting of another program that changes the image and is not taken.</summary>
/// <param name="Name">The program's name of the setting.</param>
/// <param name="Value">The value, and the replacement when there is one.</param>
/// <param name="Field">The request's field with which a caller can set it; null when there is none.</param>
public sealed record IgnoredSetting(string Name, string Value, string? Field = null)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        const int MaxLength = 120;
        string value = Value.ReplaceLineEndings(" ");
        return $"{Name}: {(value.Length <= MaxLength ? value : value[..MaxLength] + "...")}";
    }
}
