namespace Brownian.Models.Plans;

/// <summary>Settings of a vae-decode stage.</summary>
public sealed record VaeDecodeSettings
{
    /// <summary>Whether the decoding is tiled.</summary>
    public bool Tiled { get; init; }

    /// <summary>Whether the VAE's shift is skipped, as the reference does after the inpainting of Stable Diffusion 3.</summary>
    public bool WithoutShift { get; init; }

    /// <summary>How images are processed by the model's upscaler; null to decode latents.</summary>
    public UpscaleSettings? Upscaling { get; init; }
}
