namespace Brownian.Import.Networks.Unet;

/// <summary>The text that a UNet attends to.</summary>
/// <param name="States">The states, <c>[batch, tokens, width]</c>.</param>
/// <param name="Width">Their width.</param>
/// <param name="IsNormalised">Whether every attention normalises them (<c>cross_attention_norm</c> "group_norm").</param>
/// <param name="Mask">Which tokens are attended to, <c>[batch, tokens]</c>; null for all.</param>
internal sealed record UnetText(Value States, int Width, bool IsNormalised = false, Value? Mask = null);
