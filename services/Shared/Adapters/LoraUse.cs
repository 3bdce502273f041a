namespace Brownian.Adapters;

/// <summary>A LoRA and how strongly it is applied.</summary>
/// <param name="File">The LoRA.</param>
/// <param name="Weight">The factor of everything it adds; any finite number, 0 for nothing.</param>
public sealed record LoraUse(LoraFile File, double Weight);
