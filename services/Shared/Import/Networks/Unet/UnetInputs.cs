namespace Brownian.Import.Networks.Unet;

/// <summary>Inputs of a UNet's graph that do not follow from its configuration.</summary>
/// <param name="HasTextMask">Whether it takes the mask of the text's tokens, as Karlo's decoder does.</param>
/// <param name="HasControl">Whether it takes the outputs of a ControlNet.</param>
/// <param name="PooledWidth">The width of the pooled text of Stable Diffusion XL; null for others.</param>
internal sealed record UnetInputs(bool HasTextMask = false, bool HasControl = false, int? PooledWidth = null);
