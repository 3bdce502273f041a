namespace Brownian.Models.Metadata;

/// <summary>A setting of another program that changes the image and is not taken.</summary>
/// <param name="Name">What the program calls it.</param>
/// <param name="Value">Its value, and what is taken instead where something is.</param>
/// <param name="Field">The field that says it where a caller gives one; null where there is none.</param>
public sealed record UntakenSetting(string Name, string Value, string? Field = null)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        const int MaxLength = 120;
        string value = Value.ReplaceLineEndings(" ");
        return $"{Name}: {(value.Length <= MaxLength ? value : value[..MaxLength] + "...")}";
    }
}
