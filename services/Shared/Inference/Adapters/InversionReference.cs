namespace Brownian.Inference.Adapters;

/// <summary>A textual inversion.</summary>
/// <param name="File">Its name in the folders of adapters.</param>
/// <param name="Token">What it is called in prompts; null for what the file says.</param>
/// <param name="Sha256">What the file's bytes hash to; null where nobody has looked yet.</param>
public sealed record InversionReference(string File, string? Token, string? Sha256 = null);
