namespace Brownian.Models.Plans;

/// <summary>Settings of a vae-decode stage.</summary>
public sealed record VaeDecodeSettings
{
    /// <summary>Whether it is done in tiles.</summary>
    public bool Tiled { get; init; }

    /// <summary>Whether the VAE's shift is left out, as the reference does it after Stable Diffusion 3's inpainting.</summary>
    public bool WithoutShift { get; init; }

    /// <summary>How images go through the model's upscaler, instead of latents through its decoder; null for latents.</summary>
    public UpscaleSettings? Upscaling { get; init; }
}
