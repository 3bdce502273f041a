namespace Brownian.Import.Networks.Unet;

/// <summary>The transformer blocks of a layer of a UNet.</summary>
/// <param name="Layers">The number of blocks.</param>
/// <param name="Heads">The number of heads.</param>
/// <param name="IsLinear">Whether the projections at their ends are linear layers, and not convolutions (<c>use_linear_projection</c>).</param>
/// <param name="OnlyText">Whether the first attention attends to the text as well (<c>only_cross_attention</c>).</param>
internal sealed record UnetTransformer(int Layers, int Heads, bool IsLinear, bool OnlyText);
