namespace Brownian.Inference.Adapters;

/// <summary>A LoRA and how much of it.</summary>
/// <param name="File">Its name in the folders of adapters.</param>
/// <param name="Weight">-10..10; negative ones turn it round.</param>
/// <param name="Sha256">What the file's bytes hash to; null where nobody has looked yet.</param>
public sealed record LoraReference(string File, double Weight, string? Sha256 = null);
