namespace Brownian.Adapters;

/// <summary>A LoRA and its weight.</summary>
/// <param name="File">The LoRA.</param>
/// <param name="Weight">The factor of all its changes; any finite number, 0 for no change.</param>
public sealed record LoraUse(LoraFile File, double Weight);
